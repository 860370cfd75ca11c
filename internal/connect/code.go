package connect

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quietZone is how many modules of white a QR code needs on each side (ISO/IEC 18004 §9.1).
const quietZone = 4

// Code is the QR code of a link.
type Code struct{ code *qr.Code }

// NewCode returns the QR code of a link. It fails for a text of more than 2,953 bytes.
func NewCode(link string) (Code, error) {
	code, err := qr.Encode(link, qr.L) // the lowest level of correction: a screen has no scratches, and a terminal few columns
	if err != nil {
		return Code{}, fmt.Errorf("make a QR code: %w", err)
	}
	return Code{code}, nil
}

// black reports whether a module is black. Outside the code it is white.
func (c Code) black(x, y int) bool { return c.code.Black(x, y) }

// Terminal returns the code for a terminal, two modules in each character, in black on white whatever the colours of the
// terminal are.
func (c Code) Terminal() string {
	const blackOnWhite, reset = "\x1b[30;47m", "\x1b[0m"
	var b strings.Builder
	for y := -quietZone; y < c.code.Size+quietZone; y += 2 {
		b.WriteString(blackOnWhite)
		for x := -quietZone; x < c.code.Size+quietZone; x++ {
			switch upper, lower := c.black(x, y), c.black(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString(reset + "\n")
	}
	return b.String()
}

// SVG returns the code as an SVG picture without a size of its own.
func (c Code) SVG() []byte {
	var path strings.Builder
	for y := range c.code.Size {
		for x := range c.code.Size {
			if c.black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="%d %d %[3]d %[3]d" shape-rendering="crispEdges" role="img" aria-label="QR code"><path fill="#fff" d="M%[1]d %[2]dh%[3]dv%[3]dh-%[3]dz"/><path d="%[4]s"/></svg>`,
		-quietZone, -quietZone, c.code.Size+2*quietZone, path.String())
}

// PNG returns the code as a PNG picture, eight pixels to a module.
func (c Code) PNG() []byte { return c.code.PNG() }
