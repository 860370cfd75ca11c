package format

import (
	"iter"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/format/xmlscan"
)

// node is an element of the export other than a Record, whole in memory.
type node struct {
	name     string
	attrs    []nodeAttr
	children []*node
}

type nodeAttr struct{ name, value string }

// maxNodes bounds the elements within one. A long workout with inline locations has some ten thousand.
const maxNodes = 250_000

// attr returns the value of an attribute, "" where there is none. Of a duplicate attribute the first counts.
func (n *node) attr(name string) string {
	for i := range n.attrs {
		if n.attrs[i].name == name {
			return n.attrs[i].value
		}
	}
	return ""
}

// all yields the children with a name.
func (n *node) all(name string) iter.Seq[*node] {
	return func(yield func(*node) bool) {
		for _, child := range n.children {
			if child.name == name && !yield(child) {
				return
			}
		}
	}
}

// metadata returns the value of a metadata entry, "" where there is none.
func (n *node) metadata(key string) string {
	for entry := range n.all("MetadataEntry") {
		if entry.attr("key") == key {
			return entry.attr("value")
		}
	}
	return ""
}

// object returns the element as a JSON object: attributes as text, metadata by its keys, other children as lists by
// their names. Attributes and children named in without are left out.
func (n *node) object(without ...string) map[string]any {
	object := map[string]any{}
	for _, a := range n.attrs {
		if !slices.Contains(without, a.name) {
			value := a.value
			if a.name == "device" {
				value = device(value)
			}
			addMember(object, a.name, value)
		}
	}
	metadata := map[string]any{}
	lists := map[string][]any{}
	for _, child := range n.children {
		switch {
		case child.name == "MetadataEntry":
			addMember(metadata, child.attr("key"), child.attr("value"))
		case !slices.Contains(without, child.name):
			lists[child.name] = append(lists[child.name], child.object())
		}
	}
	if len(metadata) > 0 {
		object["metadata"] = metadata
	}
	for name, list := range lists {
		object[name] = list
	}
	return object
}

// device returns the description of a device, <<HKDevice: 0x2820>, name:Apple Watch, model:Watch>, without its address
// in the phone's memory, which differs in every export.
func device(text string) string {
	rest, ok := strings.CutPrefix(text, "<<HKDevice: ")
	if !ok {
		return text
	}
	if _, described, ok := strings.Cut(rest, ">, "); ok {
		return strings.TrimSuffix(described, ">")
	}
	return text
}

// readNode reads the element whose Start was scanned last, with everything in it. whole is false where it is too large:
// then the rest of it was skipped.
func (a *appleDecoder) readNode() (root *node, whole bool, err error) {
	root = a.newNode()
	open := []*node{root}
	count, bytes := 1, 0
	for len(open) > 0 {
		kind, err := a.scan.Next()
		if err != nil {
			return nil, false, err
		}
		switch kind {
		case xmlscan.Start:
			count++
			for _, attr := range a.scan.Attrs() {
				bytes += len(attr.Raw)
			}
			if count > maxNodes || bytes > maxElement {
				return root, false, a.skipElement(len(open))
			}
			child := a.newNode()
			parent := open[len(open)-1]
			parent.children = append(parent.children, child)
			open = append(open, child)
		case xmlscan.End:
			open = open[:len(open)-1]
		}
	}
	return root, true, nil
}

// skipElement skips the rest of an element, of which so many descendants are open, and the one that was scanned last.
func (a *appleDecoder) skipElement(open int) error {
	for depth := open + 1; depth > 0; {
		kind, err := a.scan.Next()
		if err != nil {
			return err
		}
		switch kind {
		case xmlscan.Start:
			depth++
		case xmlscan.End:
			depth--
		}
	}
	return nil
}

func (a *appleDecoder) newNode() *node {
	n := &node{name: a.text(a.scan.Name())}
	for _, attr := range a.scan.Attrs() {
		n.attrs = append(n.attrs, nodeAttr{a.text(attr.Name), sanitize(a.scan.Value(&attr))})
	}
	return n
}
