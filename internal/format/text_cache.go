package format

// textCache maps the bytes of sources and attributes, which points repeat, to one string for each. It has room for all
// texts of an ordinary body, and bounds the memory that an unusual one takes.
type textCache map[string]string

const (
	maxCachedTexts = 4096
	maxCachedText  = 512 // bytes; longer texts are not cached
)

func (c textCache) get(sent []byte) (text string, ok bool) {
	text, ok = c[string(sent)]
	return text, ok
}

// put stores text for the bytes sent, and returns it.
func (c textCache) put(sent []byte, text string) string {
	if len(sent) > maxCachedText {
		return text
	}
	if len(c) == maxCachedTexts {
		clear(c)
	}
	c[string(sent)] = text
	return text
}
