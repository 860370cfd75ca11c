package format

// textCache keeps one copy of each of the texts that points repeat: sources and attributes. It holds so many that an
// ordinary body's all fit, and a strange one cannot fill the memory with them.
type textCache map[string]string

const (
	maxCachedTexts = 4096
	maxCachedText  = 512
)

// get returns the text that was kept for what was sent.
func (r textCache) get(sent []byte) (text string, ok bool) {
	text, ok = r[string(sent)]
	return text, ok
}

// put remembers text for what was sent, and returns it.
func (r textCache) put(sent []byte, text string) string {
	if len(sent) > maxCachedText {
		return text
	}
	if len(r) == maxCachedTexts {
		clear(r)
	}
	r[string(sent)] = text
	return text
}
