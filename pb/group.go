package pb

import (
	"math/bits"
	"slices"
)

// grouper gathers ballots into classes of identical ones while they arrive.
type grouper struct {
	b      ballots
	slots  []uint32 // class + 1, 0 when empty; length a power of two
	hashes []uint32 // of each class
}

func newGrouper(points bool) *grouper {
	g := &grouper{slots: make([]uint32, 1<<12)}
	g.b.off = append(g.b.off, 0)
	if points {
		g.b.points = []int32{}
	}
	return g
}

// add counts one ballot more and returns its class. Without points the order
// of the projects matters only to the caller, who sorts them when it does not.
func (g *grouper) add(proj []uint16, points []int32, n uint32) uint32 {
	h := uint64(len(proj))
	for _, p := range proj {
		h = bits.RotateLeft64(h^uint64(p), 29) * 0x9E3779B97F4A7C15
	}
	for _, p := range points {
		h = bits.RotateLeft64(h^uint64(uint32(p)), 29) * 0x9E3779B97F4A7C15
	}
	h32 := uint32(h >> 32)
	mask := uint32(len(g.slots) - 1)
	at := h32 & mask
	for ; g.slots[at] != 0; at = (at + 1) & mask {
		c := g.slots[at] - 1
		if g.hashes[c] == h32 && g.same(c, proj, points) {
			g.b.weight[c] += n
			return c
		}
	}
	c := uint32(len(g.b.weight))
	g.slots[at] = c + 1
	g.hashes = append(g.hashes, h32)
	g.b.weight = append(g.b.weight, n)
	g.b.proj = append(g.b.proj, proj...)
	if g.b.points != nil {
		g.b.points = append(g.b.points, points...)
	}
	g.b.off = append(g.b.off, uint32(len(g.b.proj)))
	if 2*len(g.b.weight) > len(g.slots) {
		g.grow()
	}
	return c
}

func (g *grouper) same(c uint32, proj []uint16, points []int32) bool {
	lo, hi := g.b.off[c], g.b.off[c+1]
	if int(hi-lo) != len(proj) {
		return false
	}
	for i, p := range g.b.proj[lo:hi] {
		if p != proj[i] {
			return false
		}
	}
	return len(points) == 0 || slices.Equal(g.b.points[lo:hi], points)
}

func (g *grouper) grow() {
	g.slots = make([]uint32, 4*len(g.slots))
	mask := uint32(len(g.slots) - 1)
	for c, h := range g.hashes {
		at := h & mask
		for g.slots[at] != 0 {
			at = (at + 1) & mask
		}
		g.slots[at] = uint32(c + 1)
	}
}

// sortBallot puts the projects of a set into ascending order, their points with
// them.
func sortBallot(proj []uint16, points []int32) {
	for i := 1; i < len(proj); i++ {
		p := proj[i]
		if proj[i-1] <= p {
			continue
		}
		if len(points) == 0 && len(proj) > 32 {
			slices.Sort(proj)
			return
		}
		k := i
		if len(points) == 0 {
			for ; k > 0 && proj[k-1] > p; k-- {
				proj[k] = proj[k-1]
			}
			proj[k] = p
			continue
		}
		x := points[i]
		for ; k > 0 && proj[k-1] > p; k-- {
			proj[k], points[k] = proj[k-1], points[k-1]
		}
		proj[k], points[k] = p, x
	}
}
