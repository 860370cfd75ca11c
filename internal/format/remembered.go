package format

// remembered keeps one copy of each of the texts that points repeat: sources and attributes. It holds so many that an
// ordinary body's all fit, and a strange one cannot fill the memory with them.
type remembered map[string]string

const (
	maxRemembered     = 4096
	maxRememberedText = 512
)

// find returns the text that was kept for what was sent.
func (r remembered) find(sent []byte) (text string, ok bool) {
	text, ok = r[string(sent)]
	return text, ok
}

// keep remembers text for what was sent, and returns it.
func (r remembered) keep(sent []byte, text string) string {
	if len(sent) > maxRememberedText {
		return text
	}
	if len(r) == maxRemembered {
		clear(r)
	}
	r[string(sent)] = text
	return text
}
