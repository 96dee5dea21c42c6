package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"codeberg.org/arengo/arengo/internal/fault"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Options say where a bucket is. The bucket exists already.
type S3Options struct {
	Endpoint  string // host or host:port, without a scheme
	Bucket    string
	Prefix    string // put before each key, for example "media/"; may be empty
	Region    string // may be empty
	AccessKey string
	SecretKey string
	Plain     bool              // http instead of https
	PathStyle bool              // the bucket in the path instead of the host name
	TempDir   string            // for contents on their way in; "" means the system's
	Transport http.RoundTripper // nil means the library's
}

// S3 keeps contents in a bucket, for several nodes at once.
type S3 struct {
	client  *minio.Client
	options S3Options
}

var _ Store = (*S3)(nil)

// NewS3 prepares the client; nothing is sent before the first use.
func NewS3(o S3Options) (*S3, error) {
	lookup := minio.BucketLookupAuto
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	c, err := minio.New(o.Endpoint, &minio.Options{
		Creds:        credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""),
		Secure:       !o.Plain,
		Region:       o.Region,
		BucketLookup: lookup,
		Transport:    o.Transport,
	})
	if err != nil {
		return nil, fmt.Errorf("open media bucket: %w", err)
	}
	return &S3{c, o}, nil
}

// Check fails with Unavailable unless the bucket can be reached; for doctor and
// readiness.
func (s *S3) Check(ctx context.Context) error {
	ok, err := s.client.BucketExists(ctx, s.options.Bucket)
	if err != nil {
		return remote("check media bucket", err)
	}
	if !ok {
		return fault.New(fault.Unavailable, "media.unavailable").Because(fmt.Errorf("no bucket %q", s.options.Bucket))
	}
	return nil
}

// Put spools to a temporary file first: the key is the hash, which is known only
// at the end, and a part can be sent again without a copy in memory.
func (s *S3) Put(ctx context.Context, r io.Reader) (Blob, error) {
	f, err := os.CreateTemp(s.options.TempDir, "arengo-put-")
	if err != nil {
		return Blob{}, full(fmt.Errorf("store media: %w", err))
	}
	defer os.Remove(f.Name())
	sp := &spool{file: f}
	if err := sp.fill(ctx, r); err != nil {
		return Blob{}, fmt.Errorf("store media: %w", err)
	}
	b := sp.blob()
	_, err = s.client.FPutObject(ctx, s.options.Bucket, s.options.Prefix+b.Hash, f.Name(),
		minio.PutObjectOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return Blob{}, remote("store media", err)
	}
	return b, nil
}

// Open reads a content; seeking makes a range request.
func (s *S3) Open(ctx context.Context, hash string) (io.ReadSeekCloser, int64, error) {
	if err := checkHash(hash); err != nil {
		return nil, 0, err
	}
	o, err := s.client.GetObject(ctx, s.options.Bucket, s.options.Prefix+hash, minio.GetObjectOptions{})
	if err != nil {
		return nil, 0, remote("open media", err)
	}
	info, err := o.Stat()
	if err != nil {
		o.Close()
		return nil, 0, remote("open media", err)
	}
	return o, info.Size, nil
}

// Delete forgets a content.
func (s *S3) Delete(ctx context.Context, hash string) error {
	if err := checkHash(hash); err != nil {
		return err
	}
	err := s.client.RemoveObject(ctx, s.options.Bucket, s.options.Prefix+hash, minio.RemoveObjectOptions{})
	if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchKey {
		return remote("delete media", err)
	}
	return nil
}

// remote gives an error of the bucket its kind.
func remote(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	switch {
	case minio.ToErrorResponse(errors.Unwrap(err)).Code == minio.NoSuchKey:
		return fault.Missing("media.missing").Because(err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fault.New(fault.Unavailable, "media.unavailable").Because(err)
}
