package demo

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Every scene can be painted at every hour, always alike. With
// ARENGO_TEST_PICTURES set to a folder the pictures are left there to look at.
func TestScenesAreAlwaysAlike(t *testing.T) {
	for name := range scenes() {
		for _, hour := range []string{"alba", "giorno", "sera", "notte"} {
			t.Run(name+"-"+hour, func(t *testing.T) {
				t.Parallel()
				one, err := paint(name + "-" + hour)
				if err != nil {
					t.Fatal(err)
				}
				two, err := paint(name + "-" + hour)
				if err != nil || !bytes.Equal(one, two) {
					t.Fatalf("painted otherwise the second time: %v", err)
				}
				if dir := os.Getenv("ARENGO_TEST_PICTURES"); dir != "" {
					if err := os.WriteFile(filepath.Join(dir, name+"-"+hour+".jpg"), one, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
	if _, err := paint("castello-sera"); err == nil {
		t.Fatal("painted a scene that nobody drew")
	}
}
