package rules

import (
	"encoding/binary"
	"math/bits"
)

// seen is the memory of event identities: 64-bit hashes of (source, id) in one
// open-addressing table, nine bytes a place. Each entry belongs to a generation;
// whole generations are forgotten, the oldest first, when they are older than
// keep or when more than most ids are held. Two different ids collide with a
// chance of 1 in 2^44 at a million of them.
type seen struct {
	keep   int64 // nanoseconds of stream time
	most   int
	keys   []uint64 // 0: free
	born   []uint8  // the generation of the key beside it
	live   int
	gens   []generation // the last one is open
	lapsed uint64       // ids forgotten before keep was over

	spareKeys []uint64 // the table before the last rebuild, for the next one
	spareBorn []uint8
}

type generation struct {
	tag   uint8
	start int64
	count int
}

// generations is how many a full memory, or a whole keep, is divided into.
const generations = 8

// add remembers an identity and tells whether it was known.
func (s *seen) add(source, id string, now int64) bool {
	h := identity(source, id)
	if len(s.gens) == 0 {
		s.start(now)
	}
	if g := &s.gens[len(s.gens)-1]; now-g.start >= s.keep/generations || g.count >= max(s.most/generations, 1) {
		s.turn(now)
	}
	mask := uint64(len(s.keys) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch s.keys[i] {
		case h:
			return true
		case 0:
			g := &s.gens[len(s.gens)-1]
			s.keys[i], s.born[i] = h, g.tag
			g.count++
			s.live++
			if s.live > len(s.keys)/2 {
				s.rebuild(2 * len(s.keys))
			}
			return false
		}
	}
}

func (s *seen) start(now int64) {
	s.gens = append(s.gens[:0], generation{start: now})
	s.keys, s.born, s.live = make([]uint64, 1024), make([]uint8, 1024), 0
}

// turn opens a new generation and forgets those whose time is over.
func (s *seen) turn(now int64) {
	last := s.gens[len(s.gens)-1]
	if now-last.start >= 2*s.keep {
		s.start(now)
		return
	}
	gone := 0
	// A generation's last id is younger than the next one's start.
	for gone+1 < len(s.gens) && now-s.gens[gone+1].start >= s.keep {
		gone++
	}
	held := s.live
	for _, g := range s.gens[:gone] {
		held -= g.count
	}
	for gone < len(s.gens) && held+max(s.most/generations, 1) > s.most {
		s.lapsed += uint64(s.gens[gone].count)
		held -= s.gens[gone].count
		gone++
	}
	s.gens = append(s.gens[:0], s.gens[gone:]...)
	s.gens = append(s.gens, generation{tag: last.tag + 1, start: now})
	if gone > 0 {
		s.rebuild(len(s.keys))
	}
}

// rebuild moves the entries of the generations that are held to a table of the
// given size, or half of it when it would be mostly empty.
func (s *seen) rebuild(size int) {
	var held [256]bool
	count := 0
	for _, g := range s.gens {
		held[g.tag] = true
		count += g.count
	}
	for size > 1024 && count < size/8 {
		size /= 2
	}
	keys, born, mask := s.spareKeys, s.spareBorn, uint64(size-1)
	if len(keys) != size {
		keys, born = make([]uint64, size), make([]uint8, size)
	}
	clear(keys)
	for i, h := range s.keys {
		if h == 0 || !held[s.born[i]] {
			continue
		}
		j := h & mask
		for keys[j] != 0 {
			j = (j + 1) & mask
		}
		keys[j], born[j] = h, s.born[i]
	}
	s.spareKeys, s.spareBorn = s.keys, s.born
	s.keys, s.born, s.live = keys, born, count
}

// identity hashes both texts, eight bytes a step, by folding a 128-bit product.
// It is the same in every process, since decisions are; it is never 0.
func identity(source, id string) uint64 {
	h := fold(fold(0x9e3779b97f4a7c15, source)^uint64(len(source)), id)
	return max(mix(h^uint64(len(id)), 0xd6e8feb86659fd93), 1)
}

func fold(h uint64, s string) uint64 {
	for len(s) >= 8 {
		h = mix(h^word(s), 0xa0761d6478bd642f)
		s = s[8:]
	}
	var rest [8]byte
	copy(rest[:], s)
	return mix(h^binary.LittleEndian.Uint64(rest[:]), 0xe7037ed1a0b428db)
}

func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
