// Package policy holds the rules of taking part, as the Vademecum of the Italian
// public administration (FormezPA, 2011) asks for: the external policy, which says
// to citizens what the profiles are for, when they are read, what may not be said,
// what happens then and where formal requests go; and the internal one, which says
// to the staff who may publish and how to share what others made.
//
// Every institution begins with a default text that is marked as not reviewed
// until an administrator confirms it. Every saved version is kept, and the public
// page shows them all. The numbered rules on what may not be said are those that
// moderation refers to: its log has a page here, and so has the appeal of who was
// moderated.
package policy
