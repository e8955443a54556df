package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The index file of an object is a header page and, for each segment of the object, a page
// of records (one for each chunk) and the pages with the sums of its pages. It has its full
// length from the start, and is sparse: all zeros is "nothing is there".
const (
	segmentChunks = PageBytes / recordBytes
	segmentBytes  = segmentChunks * ChunkBytes
	groupChunks   = PageBytes / sumBytes / chunkPages // whose sums are one page
	recordBytes   = 16
	sumBytes      = 4

	segmentIndexBytes = PageBytes + segmentBytes/PageBytes*sumBytes

	headerMagic = "visorfs chunks 1" // of format 1
	headerFixed = len(headerMagic) + 16
	maxContent  = PageBytes - headerFixed - sumBytes // bytes of a content's name

	flagVerified = 1
)

var le = binary.LittleEndian

func segmentsOf(size int64) int64 { return (size + segmentBytes - 1) / segmentBytes }

// indexLen returns how long the index file of an object of size bytes is.
func indexLen(size int64) int64 { return PageBytes + segmentsOf(size)*segmentIndexBytes }

// recordAt returns where chunk i's record is in the index file.
func recordAt(i int64) int64 {
	return PageBytes + i/segmentChunks*segmentIndexBytes + i%segmentChunks*recordBytes
}

// sumAt returns where the sum of a page of the object is in the index file.
func sumAt(page int64) int64 {
	const pages = segmentChunks * chunkPages
	return PageBytes + page/pages*segmentIndexBytes + PageBytes + page%pages*sumBytes
}

// header is the first page of an index file.
type header struct {
	content  string
	size     int64
	verified bool
}

// encode returns the page: magic, size, flags, length of the name, name, CRC32C of all
// before; the rest is zeros.
func (h header) encode() []byte {
	b := append(make([]byte, 0, PageBytes), headerMagic...)
	b = le.AppendUint64(b, uint64(h.size))
	flags := uint32(0)
	if h.verified {
		flags = flagVerified
	}
	b = le.AppendUint32(b, flags)
	b = le.AppendUint32(b, uint32(len(h.content)))
	b = append(b, h.content...)
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:PageBytes]
}

func parseHeader(b []byte) (header, error) {
	if len(b) < PageBytes || !bytes.HasPrefix(b, []byte(headerMagic)) {
		return header{}, errors.New("not an index file of this version")
	}
	f := b[len(headerMagic):headerFixed]
	h := header{size: int64(le.Uint64(f)), verified: le.Uint32(f[8:])&flagVerified != 0}
	n := int(le.Uint32(f[12:]))
	if n > maxContent || h.size <= 0 || h.size > maxSize {
		return header{}, fmt.Errorf("an object of %d bytes whose name has %d", h.size, n)
	}
	end := headerFixed + n
	if le.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return header{}, errors.New("the header's checksum is wrong")
	}
	h.content = string(b[headerFixed:end])
	return h, nil
}

// record is what the index file says of a chunk, beside the sums of its pages.
type record struct {
	present uint32 // pages that are there
	zero    uint32 // those of them that are zeros and have no bytes in the data file
	used    uint32 // see [tick]
}

// put writes the record of chunk i: its fields and their sum. That of an absent chunk is zeros.
func (r record) put(b []byte, salt uint32, i int64) {
	clear(b[:recordBytes])
	if r.present == 0 {
		return
	}
	le.PutUint32(b, r.present)
	le.PutUint32(b[4:], r.zero)
	le.PutUint32(b[8:], r.used)
	le.PutUint32(b[12:], recordSum(b[:12], salt, i))
}

// parseRecord reads the record of chunk i, which has the pages of within. It reports
// false if it is damaged.
func parseRecord(b []byte, salt uint32, i int64, within uint32) (record, bool) {
	b = b[:recordBytes]
	if [recordBytes]byte(b) == ([recordBytes]byte{}) {
		return record{}, true
	}
	r := record{present: le.Uint32(b), zero: le.Uint32(b[4:]), used: le.Uint32(b[8:])}
	valid := r.present != 0 && r.present&^within == 0 && r.zero&^r.present == 0
	return r, valid && le.Uint32(b[12:]) == recordSum(b[:12], salt, i)
}

// saltOf returns what tells the sums of one object from those of others.
func saltOf(content string) uint32 { return crc32.Checksum([]byte(content), castagnoli) }

// recordSum is no page's sum: the place that it is seeded with is negative.
func recordSum(b []byte, salt uint32, i int64) uint32 {
	return crc32.Update(place(salt, -1-i), castagnoli, b)
}

// pageSum returns the checksum of a page's bytes, which is right at its place only: with
// the same bytes, any other page of the object has another, and pages of other objects do
// almost always. It is never 0, which says that there is none.
func pageSum(b []byte, salt uint32, page int64) uint32 {
	return max(1, crc32.Checksum(b, castagnoli)^place(salt, page))
}

// place returns the CRC32C of n that continues salt: another for each n below 2^32. It
// doesn't allocate, as the package crc32's does for so few bytes.
func place(salt uint32, n int64) uint32 {
	crc := ^salt
	for range 8 {
		crc = castagnoli[byte(crc)^byte(n)] ^ crc>>8
		n >>= 8
	}
	return ^crc
}
