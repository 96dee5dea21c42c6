package pb

// liveLists are the supporters of each project that have money left, with their
// weights' sum. A list is copied from the profile when its project is first
// looked at in a run, and shortened whenever it is looked at again; a class
// without money never gets any.
type liveLists struct {
	sup   []uint32
	util  []int32 // parallel; nil for uniform utilities
	count []int32 // per project; -1 while not copied
	total []float64
}

// of returns a project's list, shortened.
func (l *liveLists) of(r *mesRun, p int32) (sup []uint32, util []int32, total float64) {
	from := int(r.prof.off[p])
	n := int(l.count[p])
	src, usrc := r.prof.supporters(int(p)), r.prof.utilities(int(p))
	if n < 0 {
		l.total[p] = float64(r.prof.total[p])
	} else {
		src = l.sup[from : from+n]
		if usrc != nil {
			usrc = l.util[from : from+n]
		}
	}
	dst := l.sup[from : from+len(src)]
	k := 0
	money, weight := r.money, r.prof.weight
	if usrc == nil {
		for _, j := range src {
			if money[j] != 0 {
				dst[k] = j
				k++
			} else {
				l.total[p] -= weight[j] // whole numbers: exact
			}
		}
	} else {
		udst := l.util[from : from+len(src)]
		for i, j := range src {
			u := usrc[i]
			if money[j] != 0 {
				dst[k], udst[k] = j, u
				k++
			} else {
				l.total[p] -= weight[j] * float64(u)
			}
		}
		util = udst[:k]
	}
	l.count[p] = int32(k)
	return dst[:k], util, l.total[p]
}

// scratch keeps a worker's arrays between runs.
type scratch struct {
	live    liveLists
	money   []float64
	poor    []int32
	roundOf []int32
	order   []candidate
	bought  []int32
	rate    []float64
}
