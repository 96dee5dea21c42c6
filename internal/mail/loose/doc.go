// Package loose reads letters as they come.
//
// Mail programs, forms of web sites and gateways break the rules (RFC 5322, 2045,
// 2047, 2231) in many ways, and a letter that breaks one is a letter all the same:
// reading never fails, it says what it could make of the bytes. A stricter reader
// gives up at a header line without a colon, a boundary that is never met, a
// character set that is not the one declared; each of these hid what somebody had
// written. What is read is bounded in parts and depth, and nothing is copied that
// need not be.
package loose
