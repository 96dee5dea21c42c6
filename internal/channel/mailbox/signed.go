package mailbox

import (
	"bytes"

	"codeberg.org/arengo/arengo/internal/mail/loose"
)

// A letter that is signed in one block with its text (S/MIME, RFC 8551, 3.5.2) is a CMS
// structure (RFC 5652) that the text stands in. It is read without being verified: who
// wrote a letter is as certain as its From is. The library for ASN.1 reads DER only;
// signers write BER, whose lengths may be left open.

const maxBER = 20 // elements in elements

// signedText is the letter inside a signed block; nil when the part is none, or is
// encrypted.
func signedText(p *loose.Part) []byte {
	if p.Kind != "application/pkcs7-mime" && p.Kind != "application/x-pkcs7-mime" {
		return nil
	}
	return findSigned(p.Body, 0)
}

// findSigned finds the content of type "data" (1.2.840.113549.1.7.1).
func findSigned(b []byte, depth int) []byte {
	data := []byte{0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01}
	named := false
	for len(b) > 0 && depth < maxBER {
		tag, body, rest, ok := element(b, depth)
		switch {
		case !ok:
			return nil
		case tag == 0xA0 && named: // [0] EXPLICIT: in the next place, or there is none
			return octets(body, depth)
		case tag&0x20 != 0:
			if found := findSigned(body, depth+1); found != nil {
				return found
			}
		}
		named = tag == 0x06 && bytes.Equal(body, data)
		b = rest
	}
	return nil
}

// octets joins the pieces of an OCTET STRING.
func octets(b []byte, depth int) (all []byte) {
	for len(b) > 0 && depth < maxBER {
		tag, body, rest, ok := element(b, depth)
		switch {
		case !ok:
			return all
		case tag == 0x04:
			all = append(all, body...)
		case tag&0x20 != 0:
			all = append(all, octets(body, depth+1)...)
		}
		b = rest
	}
	return all
}

// element reads one element: its tag, what it holds, and what follows.
func element(b []byte, depth int) (tag byte, body, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1F == 0x1F || depth > maxBER {
		return 0, nil, nil, false
	}
	tag, size, at := b[0], int(b[1]), 2
	switch {
	case size == 0x80: // open: up to two zero bytes
		for {
			if len(b) < at+2 {
				return 0, nil, nil, false
			}
			if b[at] == 0 && b[at+1] == 0 {
				return tag, b[2:at], b[at+2:], true
			}
			_, _, after, ok := element(b[at:], depth+1)
			if !ok {
				return 0, nil, nil, false
			}
			at = len(b) - len(after)
		}
	case size > 0x80:
		n := size & 0x7F
		if n > 4 || len(b) < 2+n {
			return 0, nil, nil, false
		}
		size = 0
		for _, x := range b[2 : 2+n] {
			size = size<<8 | int(x)
		}
		at = 2 + n
	}
	if size > len(b)-at {
		return 0, nil, nil, false
	}
	return tag, b[at : at+size], b[at+size:], true
}
