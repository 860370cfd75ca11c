package format

// valueScan reads one value of any kind and size incrementally: it can continue within a value whose beginning is no
// longer in the window.
type valueScan struct {
	outerDepth int // of open containers around the value
	depth      int // of open containers within it
	objects    [maxDepth / 64]uint64
	expect     expectation
	// final is set when no more bytes follow, so that a number may end where they do.
	final bool
}

// expectation is the token that may come next in a value.
type expectation uint8

const (
	expectValue expectation = iota
	expectValueOrEnd
	expectName
	expectNameOrEnd
	expectColon
	expectCommaOrEnd
	withinName
	withinText
)

// run reads from b[i] on. Where the value ends within b, done is true and next is its end; otherwise next is the first
// byte that is needed again.
func (v *valueScan) run(b []byte, i int) (next int, done bool, err error) {
	for {
		if v.expect < withinName {
			i = skipSpace(b, i)
		}
		if i >= len(b) {
			return i, false, nil
		}
		if i, err = v.step(b, i); err != nil {
			if err == errIncomplete {
				return i, false, nil
			}
			return i, false, err
		}
		if v.expect == expectCommaOrEnd && v.depth == 0 {
			return i, true, nil
		}
	}
}

// step reads one token.
func (v *valueScan) step(b []byte, i int) (int, error) {
	c := b[i]
	switch v.expect {
	case withinName, withinText:
		return v.text(b, i, v.expect)
	case expectColon:
		if c != ':' {
			return i, errNoColon
		}
		v.expect = expectValue
		return i + 1, nil
	case expectNameOrEnd, expectName:
		if c == '"' {
			return v.text(b, i+1, withinName)
		}
		if c == '}' && v.expect == expectNameOrEnd {
			return v.closeContainer(i)
		}
		return i, errNoName
	case expectCommaOrEnd:
		return v.commaOrEnd(c, i)
	case expectValueOrEnd:
		if c == ']' {
			return v.closeContainer(i)
		}
	}
	return v.value(b, i)
}

func (v *valueScan) value(b []byte, i int) (end int, err error) {
	switch c := b[i]; c {
	case '{', '[':
		return v.openContainer(c, i)
	case '"':
		return v.text(b, i+1, withinText)
	case 't', 'f', 'n':
		end, err = scanLiteral(b, i)
		if err == errIncomplete {
			return i, err
		}
	default:
		if c != '-' && !isDigit(c) {
			return i, errNoValue
		}
		end, err = scanNumber(b, i)
		if err == errIncomplete {
			if !v.final || !isDigit(b[end-1]) {
				return i, err
			}
			err = nil
		}
	}
	v.expect = expectCommaOrEnd
	return end, err
}

func (v *valueScan) text(b []byte, i int, where expectation) (int, error) {
	end, _, err := scanText(b, i)
	if err != nil {
		v.expect = where
		return end, err
	}
	v.expect = expectCommaOrEnd
	if where == withinName {
		v.expect = expectColon
	}
	return end + 1, nil
}

func (v *valueScan) openContainer(c byte, i int) (int, error) {
	if v.outerDepth+v.depth >= maxDepth {
		return i, errTooDeep
	}
	word, bit := v.depth/64, uint64(1)<<(v.depth%64)
	v.objects[word] &^= bit
	v.expect = expectValueOrEnd
	if c == '{' {
		v.objects[word] |= bit
		v.expect = expectNameOrEnd
	}
	v.depth++
	return i + 1, nil
}

func (v *valueScan) closeContainer(i int) (int, error) {
	v.depth--
	v.expect = expectCommaOrEnd
	return i + 1, nil
}

func (v *valueScan) commaOrEnd(c byte, i int) (int, error) {
	inObject := v.objects[(v.depth-1)/64]>>((v.depth-1)%64)&1 == 1
	switch {
	case c == ',' && inObject:
		v.expect = expectName
		return i + 1, nil
	case c == ',':
		v.expect = expectValue
		return i + 1, nil
	case c == '}' && inObject, c == ']' && !inObject:
		return v.closeContainer(i)
	}
	return i, errNoComma
}
