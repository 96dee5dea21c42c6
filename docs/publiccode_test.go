package docs_test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"codeberg.org/arengo/arengo/internal/i18n"
)

// publicCode are the keys of the standard 0.7 that we use; another one is a slip.
type publicCode struct {
	Version           string   `yaml:"publiccodeYmlVersion"`
	Name              string   `yaml:"name"`
	URL               string   `yaml:"url"`
	SoftwareVersion   string   `yaml:"softwareVersion"`
	Platforms         []string `yaml:"platforms"`
	Categories        []string `yaml:"categories"`
	DevelopmentStatus string   `yaml:"developmentStatus"`
	SoftwareType      string   `yaml:"softwareType"`
	IntendedAudience  struct {
		Countries []string `yaml:"countries"`
		Scope     []string `yaml:"scope"`
	} `yaml:"intendedAudience"`
	Description map[string]struct {
		Short    string   `yaml:"shortDescription"`
		Long     string   `yaml:"longDescription"`
		Features []string `yaml:"features"`
	} `yaml:"description"`
	Legal struct {
		License string `yaml:"license"`
		Owner   string `yaml:"mainCopyrightOwner"`
	} `yaml:"legal"`
	Maintenance struct {
		Type     string `yaml:"type"`
		Contacts []struct {
			Name string `yaml:"name"`
		} `yaml:"contacts"`
	} `yaml:"maintenance"`
	Localisation struct {
		Ready     *bool    `yaml:"localisationReady"`
		Languages []string `yaml:"availableLanguages"`
	} `yaml:"localisation"`
	IT struct {
		Version   string           `yaml:"countryExtensionVersion"`
		Platforms map[string]*bool `yaml:"piattaforme"`
	} `yaml:"IT"`
}

// The catalogue of the Italian administrations refuses a file that lacks one of these.
func TestPublicCodeHasWhatTheCatalogueAsksFor(t *testing.T) {
	text, err := os.ReadFile("../publiccode.yml")
	if err != nil {
		t.Fatal(err)
	}
	var p publicCode
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	if p.Version != "0.7" || p.Name == "" || p.URL == "" || p.SoftwareVersion == "" || len(p.Platforms) == 0 || len(p.Categories) == 0 || p.DevelopmentStatus == "" || p.SoftwareType != "standalone/web" {
		t.Errorf("something is missing in %+v", p)
	}
	if p.Legal.License != "EUPL-1.2" || p.Legal.Owner == "" || p.Maintenance.Type != "community" || len(p.Maintenance.Contacts) == 0 || p.Maintenance.Contacts[0].Name == "" {
		t.Errorf("legal %+v, maintenance %+v", p.Legal, p.Maintenance)
	}
	have, want := slices.Sorted(slices.Values(p.Localisation.Languages)), slices.Sorted(slices.Values(i18n.Languages()))
	if p.Localisation.Ready == nil || !slices.Equal(have, want) {
		t.Errorf("languages %v, the program speaks %v", have, want)
	}
	for _, lang := range []string{"it", "en"} {
		// In characters: shortDescription up to 150, longDescription 150 to 10,000.
		if x := p.Description[lang]; x.Short == "" || utf8.RuneCountInString(x.Short) > 150 || utf8.RuneCountInString(x.Long) < 150 || utf8.RuneCountInString(x.Long) > 10_000 || len(x.Features) == 0 {
			t.Errorf("description %s: %+v", lang, x)
		}
	}
	for _, name := range []string{"spid", "cie", "pagopa", "anpr", "io"} {
		if p.IT.Version != "1.0" || p.IT.Platforms[name] == nil {
			t.Errorf("the Italian section says nothing of %s", name)
		}
	}
}

// The standard's own program reads the file, where a machine has it: it is in no
// distribution, so its lack fails nothing.
func TestPublicCodePassesItsParser(t *testing.T) {
	program, err := exec.LookPath("publiccode-parser")
	if err != nil {
		t.Skip("go install github.com/italia/publiccode-parser-go/v5/publiccode-parser@latest")
	}
	if out, err := exec.Command(program, "--no-network", "../publiccode.yml").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
