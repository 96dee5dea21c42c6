// Package blob keeps photographs, videos and documents: each under the SHA-256 of
// its content, on a disk or in an S3 bucket.
//
// Because the name is the content, storing a file twice stores it once, a stored
// file never changes, and a page may be cached for ever. Because a video is as
// large as a disk allows, nothing here holds one in memory.
//
// What is taken in is judged by its content, never by its name or by what the
// browser says, and is made safe to publish: photographs are drawn anew, upright
// and without the place where they were taken, the camera and the thumbnail of what
// was cropped away; videos lose the same notes. The size in pixels is read before
// the pixels are, so that a small file cannot fill the memory.
package blob
