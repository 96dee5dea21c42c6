package pb

// text is one message in both languages; {0}, {1} … are its arguments.
type text struct {
	code   Code
	it, en string
}

var faultTexts = [...]text{}
var optionTexts = [...]text{}
