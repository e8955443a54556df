package visclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/visorfs/visorfs/meta"
)

// listBuffer is how much of a list is in memory as text, if no image is longer.
const listBuffer = 64 << 10

// imageList reads {"images": [{...}, ...]} image by image, so that a long list is never
// in memory as text.
type imageList struct {
	in     *bounded
	parser meta.Parser
	buf    []byte
	came   []byte // part of buf: what was read from in and is still to be parsed
	ended  error  // of in: io.EOF, or why no more came
}

func decodeImages(r io.Reader, maxBytes int64) ([]*meta.Image, error) {
	l := &imageList{in: newBounded(r, maxBytes), buf: make([]byte, listBuffer)}
	if err := l.begin(); err != nil {
		return nil, err
	}
	var images []*meta.Image
	for {
		switch b, err := l.next(); {
		case err != nil:
			return nil, err
		case b == ']' && len(images) == 0:
			return nil, nil
		case b == '{' && len(images) == 0:
		case b == ']':
			return images, nil
		case b == ',' && len(images) > 0:
			l.came = l.came[1:]
		default:
			return nil, fmt.Errorf("%q where another image, or the end of the list should be", b)
		}
		img, err := l.image()
		if err != nil {
			return nil, err
		}
		images = append(images, img)
		l.in.next()
	}
}

// begin reads up to the first image.
func (l *imageList) begin() error {
	d := json.NewDecoder(l.in)
	for _, want := range []json.Token{json.Delim('{'), "images", json.Delim('[')} {
		if got, err := d.Token(); err != nil {
			return err
		} else if got != want {
			return fmt.Errorf("%v where %v should be", got, want)
		}
	}
	return l.takeBack(d)
}

// takeBack takes what a decoder has read too much.
func (l *imageList) takeBack(d *json.Decoder) error {
	rest, err := io.ReadAll(d.Buffered())
	if len(rest) > len(l.buf) {
		l.buf = rest
	}
	l.came = l.buf[:copy(l.buf, rest)]
	return err
}

// next returns the next byte that is not blank, without taking it.
func (l *imageList) next() (byte, error) {
	for {
		if l.came = bytes.TrimLeft(l.came, " \t\r\n"); len(l.came) > 0 {
			return l.came[0], nil
		}
		if err := l.more(); err != nil {
			return 0, err
		}
	}
}

// more reads at least as much as there is, so that what is parsed again for it is not
// more than what comes.
func (l *imageList) more() error {
	if l.ended != nil {
		return truncated(l.ended)
	}
	if 2*len(l.came) >= len(l.buf) {
		l.buf = append(make([]byte, 0, 2*len(l.buf)), l.came...)[:2*len(l.buf)]
	} else {
		copy(l.buf, l.came)
	}
	have := len(l.came)
	n, err := io.ReadAtLeast(l.in, l.buf[have:], int(max(1, min(int64(have), l.in.left()))))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	l.came, l.ended = l.buf[:have+n], err
	if n == 0 {
		return truncated(err)
	}
	return nil
}

// truncated is the error of a list that ends early.
func truncated(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// image reads the next image.
func (l *imageList) image() (*meta.Image, error) {
	for {
		img, size, outcome := l.parser.Parse(l.came)
		switch outcome {
		case meta.Read:
			l.came = l.came[size:]
			return img, nil
		case meta.Unplain:
			return l.anyImage()
		}
		if err := l.more(); err != nil {
			return nil, err
		}
	}
}

// anyImage reads an image that is not plain.
func (l *imageList) anyImage() (*meta.Image, error) {
	d := json.NewDecoder(io.MultiReader(bytes.NewReader(bytes.Clone(l.came)), l.in))
	img := new(meta.Image)
	if err := d.Decode(img); err != nil {
		return nil, err
	}
	return img, l.takeBack(d)
}

// bounded reads so much in all, and so much for one image.
type bounded struct {
	r          io.Reader
	total, one int64 // what may still be read
}

func newBounded(r io.Reader, total int64) *bounded {
	return &bounded{r: r, total: total, one: maxImageReply}
}

// next begins another image.
func (b *bounded) next() { b.one = maxImageReply }

// left is how much may still be read.
func (b *bounded) left() int64 { return min(b.total, b.one) }

func (b *bounded) Read(p []byte) (int, error) {
	most := b.left()
	if most <= 0 {
		return 0, errors.New("it is too long")
	}
	n, err := b.r.Read(p[:min(int64(len(p)), most)])
	b.total -= int64(n)
	b.one -= int64(n)
	return n, err
}
