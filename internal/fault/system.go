package fault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// System puts what the machine or the network said into words of the catalogue:
// what is wrong, not where in the program. ok is false for an error it does not
// know; then only the log can tell more.
func System(err error) (t Text, ok bool) {
	var number syscall.Errno
	if errors.As(err, &number) {
		if key, known := numbers()[number]; known {
			return Text{Key: "system." + key}, true
		}
	}
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var cert x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Text{Key: "system.missing"}, true
	case errors.Is(err, fs.ErrPermission):
		return Text{Key: "system.permission"}, true
	case errors.As(err, &dns) && dns.IsNotFound:
		return Text{Key: "system.name", Args: []any{dns.Name}}, true
	case errors.As(err, &dns):
		return Text{Key: "system.dns"}, true
	case errors.As(err, &authority), errors.As(err, &name), errors.As(err, &cert):
		return Text{Key: "system.certificate"}, true
	case errors.As(err, &record):
		return Text{Key: "system.no_tls"}, true
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Text{Key: "system.timeout"}, true
	case errors.Is(err, context.Canceled):
		return Text{Key: "system.cancelled"}, true
	}
	return Text{}, false
}

// numbers are the errors of the kernel that an administrator can do something about.
func numbers() map[syscall.Errno]string {
	return map[syscall.Errno]string{
		syscall.ENOENT: "missing", syscall.EACCES: "permission", syscall.EPERM: "permission", syscall.ENOSPC: "full", syscall.EDQUOT: "full",
		syscall.EROFS: "read_only", syscall.EIO: "broken_disk", syscall.EISDIR: "is_folder", syscall.ENOTDIR: "no_folder", syscall.EEXIST: "exists",
		syscall.EADDRINUSE: "port_taken", syscall.EADDRNOTAVAIL: "no_address", syscall.ECONNREFUSED: "refused", syscall.ECONNRESET: "cut",
		syscall.EHOSTUNREACH: "unreachable", syscall.ENETUNREACH: "unreachable", syscall.ETIMEDOUT: "timeout", syscall.EMFILE: "files", syscall.ENFILE: "files",
		syscall.ENAMETOOLONG: "long_name", syscall.EXDEV: "other_disk",
	}
}
