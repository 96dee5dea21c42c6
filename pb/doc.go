// Package pb tallies participatory budgets: it reads elections in the .pb format
// of pabulib.org, decides them by the rules of the literature and of cities that
// use them, explains the outcome project by project, and certifies it.
//
// # The rules, for somebody who has never heard of them
//
// A town has a budget and a list of projects, each with a cost. People vote for
// projects. Which are funded?
//
// The greedy rule takes the projects by votes and funds each that still fits. It
// is simple, and lets six of ten voters who agree decide all of the money.
//
// The Method of Equal Shares (Peters, Pierczyński, Skowron 2021, arXiv
// 2008.13276) gives each voter an equal part of the budget. A project is bought
// with the money of those who voted for it, in equal parts; who has less left
// gives all of it. Each round buys the project that is cheapest for its
// supporters: ρ is what they pay for one unit of utility, and the smallest ρ is
// bought, until no supporters can pay for anything any more. A group that is a
// tenth of the voters so decides about a tenth of the money.
//
// Utility says what a funded project is worth to a supporter: its cost (the
// usual choice: then the smallest ρ is the most "effective votes"), 1, the
// points given, or the number of projects ranked below it.
//
// Because money is left, a completion follows: Add1 gives everyone one unit of
// the currency more and starts again, until nothing more fits or the next step
// would overspend; the utilitarian completion spends the rest greedily.
//
// Sequential Phragmén puts the cost of a funded project as a load on its
// supporters and always funds the project that leaves the smallest load.
//
// # Names of rules
//
// greedy_U, mes_U, mes_U_u, mes_U_add1, mes_U_add1u with U one of cost, card,
// cardinal, borda; phragmen; esnet_add1_noexh and esnet_add1u, the variants of
// Wieliczka, Świecie and Assen and of equalshares.net; greedy_score,
// greedy_threshold, greedy_no_skip, the greedy rules of cities. Rules lists those
// that apply to a vote type; ParseRule also takes mes_add1u and the like, with
// the utility that suits the ballots.
//
// # Exact
//
// No float decides anything that an exact comparison would decide differently.
// Real elections contain exact ties and projects that are affordable to the last
// cent, and their fractions need denominators of hundreds of digits; rounding
// elects the wrong projects. This package computes certified intervals with
// float64 and, where those do not decide, whole numbers of any size (mes.go and
// exact.go say how and why). Results do not depend on the number of cores, the
// order of ballots, or the machine.
//
// # Explained and certified
//
// Result.Explain says why a project lost: what its supporters had, for which
// winners they paid instead, at which cost and with how many more votes it would
// have won. Result.Certificates checks with package certify, which shares no code
// with the rules, that the outcome is priceable and satisfies EJR+ up to one
// project (Brill, Peters 2023, arXiv 2302.01989). Result.Publish is the form for
// publication, and Verify replays and checks one. Package report makes a page of
// it that a citizen can read.
//
// Instances and results may be used by many goroutines at once.
package pb
