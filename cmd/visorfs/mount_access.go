package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/fs"
)

// accessFlags say what programs may do with a mount, and what they see of it.
type accessFlags struct {
	allowOther   bool
	readOnly     bool
	noOverwrite  bool
	xattrRestore bool
	uid          ownerID
	gid          ownerID
	umask        umask
	source       string
}

func (a *accessFlags) add(flags *pflag.FlagSet) {
	a.uid = ownerID{id: uint32(os.Getuid()), find: findUser}
	a.gid = ownerID{id: uint32(os.Getgid()), find: findGroup}
	flags.BoolVar(&a.readOnly, "read-only", false, "let nothing be changed; --ro is the same")
	flags.BoolVar(&a.allowOther, "allow-other", false, "let other users in, as far as the modes of the files do")
	flags.BoolVar(&a.noOverwrite, "no-overwrite", false, "never replace the data of an image that has some")
	flags.BoolVar(&a.xattrRestore, "xattr-restore", false, "accept attributes that only the server sets, and drop them (rsync -aX of a saved tree)")
	flags.Var(&a.uid, "uid", "`USER` that all files belong to, a number or a name (default who mounts)")
	flags.Var(&a.gid, "gid", "`GROUP` that all files belong to, a number or a name (default that of who mounts)")
	flags.Var(&a.umask, "umask", "permission bits, in `OCTAL`, that files (0644 or 0600) and directories (0755) do not have")
	flags.StringVar(&a.source, "fsname", "", "`NAME` that the mount has in the system's list (default the server's URL)")
	flags.Lookup("uid").DefValue, flags.Lookup("gid").DefValue = "", "" // said in words
}

func (a *accessFlags) apply(o *fs.Options) {
	o.AllowOther, o.ReadOnly = a.allowOther, a.readOnly
	o.NoOverwrite, o.XattrRestore = a.noOverwrite, a.xattrRestore
	o.UID, o.GID, o.Umask = a.uid.id, a.gid.id, uint32(a.umask)
	o.Source = a.source
}

// ownerID is a flag's value: a user or a group.
type ownerID struct {
	id   uint32
	find func(name string) (id string, err error)
}

func findUser(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func findGroup(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}

func (o *ownerID) Set(text string) error {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		found, unknown := o.find(text)
		if unknown != nil {
			return fmt.Errorf("%q is neither a number nor a name that this machine knows", text)
		}
		if id, err = strconv.ParseUint(found, 10, 32); err != nil {
			return err
		}
	}
	o.id = uint32(id)
	return nil
}

func (o *ownerID) String() string { return strconv.FormatUint(uint64(o.id), 10) }

func (o *ownerID) Type() string { return "ID" }

// umask is a flag's value: permission bits, in octal.
type umask uint32

func (u *umask) Set(text string) error {
	bits, err := strconv.ParseUint(text, 8, 32)
	if err != nil || bits > 0o777 {
		return fmt.Errorf("%q is not a umask; write one like 022 or 077", text)
	}
	*u = umask(bits)
	return nil
}

func (u *umask) String() string {
	if *u == 0 {
		return "0"
	}
	return fmt.Sprintf("%03o", uint32(*u))
}

func (u *umask) Type() string { return "OCTAL" }
