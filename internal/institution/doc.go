// Package institution holds the tenants: each Comune, Unione or library with
// its profiles (its public voices), its offices and the host names that lead to
// its site. Whatever else is stored belongs to one institution.
package institution
