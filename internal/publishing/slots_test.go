package publishing

import (
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestTwoWhoTakeTheFirstFreeSlotAtOnceGetTwo(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		admin := w.as("admin", people.Administrator)
		for _, day := range []time.Weekday{time.Tuesday, time.Thursday, time.Saturday} {
			if _, err := w.desk.AddSlot(admin, w.inst.ID, w.profile.ID, day, 9*60); err != nil {
				t.Fatal(err)
			}
		}
		var ids []string
		for range 8 {
			ids = append(ids, must[Message](t)(w.desk.Create(w.writer, w.inst.ID, w.content())).ID)
		}
		var mu sync.Mutex
		taken := map[string]int{}
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() {
				m, err := w.desk.ScheduleNext(w.writer, w.inst.ID, id, "")
				for fault.Is(err, fault.Unavailable) {
					m, err = w.desk.ScheduleNext(w.writer, w.inst.ID, id, "")
				}
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				taken[m.Plan.Due.Text]++
			})
		}
		all.Wait()
		if len(taken) != len(ids) {
			t.Fatalf("%d people, %d moments: %v", len(ids), len(taken), taken)
		}
	})
}
