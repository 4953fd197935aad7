//! Scripts: name and operations.

pub const FILES: &[(&str, &str)] = &[
    (
        "open flags",
        "open x f r 644
         open x f w,creat 644
         write x hello
         read x 5
         open y f r,excl 0
         write y x
         read y 3
         open z f rw,creat,excl 600
         open z f rw,trunc 0
         fstat y
         read y 9
         open z f both 0
         read z 1
         write z a
         getfl z
         open z nx/f rw,creat 644
         open z f/g rw,creat 644
         open z . w 0
         open z . rw 0
         open z . r,creat 644
         open z . r,dir 0
         read z 10
         write z x
         fsync z
         lseek z 0 0
         ftruncate z 0
         open z f r,dir 0
         open z f rw,creat,dir 644
         open z new rw,creat,dir 644
         lstat new
         open z . rw,tmpfile 600
         fstat z
         open z . r,tmpfile 600
         open z f rw,tmpfile 600
         open z f path 0
         read z 3
         fstat z
         fchmod z 600
         ftruncate z 0
         lseek z 0 0
         fsync z
         getfl z
         open z '' r 0",
    ),
    (
        "modes and umask",
        "umask 0
         open x f rw,creat 7777
         fstat x
         mkdir d 7777
         stat d
         umask 27
         open y g rw,creat 666
         fstat y
         mkdir e 777
         stat e
         umask 777
         open z h rw,creat 666
         fstat z
         write z x
         umask 0
         chmod f 4755
         stat f
         write x data
         stat f
         chmod d 3777
         mkdir d/sub 755
         stat d/sub
         open z d/f rw,creat 644
         fstat z",
    ),
    (
        "offsets and holes",
        "open x f rw,creat 644
         lseek x 10 0
         write x end
         fstat x
         pread x 20 0
         lseek x -3 2
         read x 10
         lseek x -1 0
         lseek x 5 9
         lseek x -100 1
         lseek x 2^62 0
         read x 1
         lseek x 0 1
         pwrite x late 100000
         fstat x
         pread x 10 99995
         pread x 5 -1
         pwrite x y -1
         ftruncate x 3
         fstat x
         ftruncate x -1
         ftruncate x 50
         pread x 60 0
         read x 0
         write x ''
         lseek x 0 0
         dup y x
         write x ab
         write y cd
         pread x 4 0
         close x
         write y ef
         pread y 6 0
         read x 1
         truncate f 2
         stat f
         truncate nx 2
         truncate . 2
         truncate f -5
         open z f r 0
         ftruncate z 0
         truncate f 1",
    ),
    (
        "append",
        "open x f w,creat,append 644
         write x one
         lseek x 0 0
         write x two
         pwrite x six 0
         lseek x 0 1
         fstat x
         open y f rw 0
         read y 20
         setfl y append
         lseek y 0 0
         write y end
         getfl y
         setfl y nonblock
         getfl y
         pread y 30 0",
    ),
    (
        "deferred unlink",
        "open x f rw,creat 644
         write x data
         unlink f
         fstat x
         stat f
         pread x 10 0
         open y f rw,creat 644
         fstat y
         link f g
         unlink f
         fstat y
         rename g f
         fstat y
         open z h rw,creat 644
         rename h f
         fstat y
         fstat z
         close y
         stat f",
    ),
    (
        "times",
        "open x f rw,creat 644
         utimens f 12 345
         mtime f
         utimens f -12 999999999
         mtime f
         utimens f 1 1000000000
         utimens nx 1 1
         read x 1
         mtime f
         chmod f 600
         mtime f",
    ),
];

pub const PATHS: &[(&str, &str)] = &[
    (
        "trailing slashes and dots",
        "mkdir d/ 755
         mkdir d/ 755
         mkdir d/. 755
         mkdir . 755
         mkdir .. 755
         mkdir nx/d 755
         mkdir '' 755
         open x f rw,creat 644
         stat f/
         stat f/.
         stat d/
         stat d/.
         stat d/..
         stat .//d///
         open y f/ r 0
         open y new/ rw,creat 644
         open y d/ rw,creat 644
         open y f/ rw,creat 644
         open y d/ r 0
         open y d/. r 0
         mkdir f/d 755
         mkdir f/ 755
         unlink f/
         unlink d
         unlink d/
         unlink .
         unlink nx
         unlink nx/
         unlink ''
         rmdir f
         rmdir f/
         rmdir .
         rmdir d/.
         rmdir d/..
         rmdir ..
         rmdir nx
         rmdir d/
         stat d",
    ),
    (
        "long names",
        "mkdir x*255 755
         mkdir x*256 755
         stat x*256
         stat x*4094
         stat x*4095
         stat x*4096
         open x x*256 rw,creat 644
         rename x*255 x*256
         symlink x*4095 l
         symlink x*4096 m
         link x*256 g
         unlink x*256
         rmdir x*255",
    ),
    (
        "symbolic links",
        "symlink nx dangling
         symlink loop loop
         symlink d link
         symlink link link2
         symlink '' empty
         mkdir d 755
         open x d/f rw,creat 644
         stat dangling
         lstat dangling
         stat loop
         open y loop r 0
         open y link r,nofollow 0
         open y link r,nofollow,dir 0
         open y link path,nofollow 0
         fstat y
         open y link/ r,nofollow 0
         open y link/f r,nofollow 0
         open y dangling r 0
         open y dangling rw,creat,excl 644
         open y dangling rw,creat 644
         stat nx
         open y dangling rw,creat,nofollow 644
         stat link/
         lstat link/
         lstat link
         lstat link2/f
         readlink link
         readlink link/
         readlink d
         readlink nx2
         readlink ''
         mkdir link 755
         mkdir link/ 755
         mkdir link/sub 755
         symlink missing hole
         mkdir hole 755
         mkdir hole/ 755
         rmdir link
         rmdir link/
         unlink link/
         unlink link/f
         unlink link
         ls d
         symlink d/ slash
         open y slash/g rw,creat 644
         stat slash
         symlink ../d/sub up
         stat up
         symlink x f/
         symlink x newslash/
         symlink x d
         truncate dangling 3
         chmod dangling 600
         stat nx",
    ),
    (
        "working directory",
        "mkdir d 755
         mkdir d/e 755
         chdir d/e
         getcwd
         chdir ..
         getcwd
         rename e ../e
         chdir ../e
         getcwd
         symlink . here
         chdir here/here
         getcwd
         rmdir ../d
         chdir ../nx
         open x f rw,creat 644
         chdir f
         fchdir x
         unlink f
         unlink here
         rmdir ../e
         getcwd
         open y f rw,creat 644
         mkdir sub 755
         symlink a b
         stat .
         stat ..
         ls .
         rmdir .
         chdir ..
         getcwd",
    ),
    (
        "access",
        "open x f rw,creat 640
         access f 0
         access f 4
         access f 7
         access f 8
         access nx 0
         access . 7
         access f/ 0
         chmod f 0
         access f 4
         access f 2
         access f 1",
    ),
];

pub const LINKS: &[(&str, &str)] = &[
    (
        "hard links",
        "open x f rw,creat 644
         link f g
         stat f
         link f g
         link f f
         link nx h
         link f nx/h
         mkdir d 755
         link d e
         link f d
         link f d/f
         link f/ h
         link f h/
         link d/f d/../d/h
         symlink f s
         link s t
         lstat t
         link-follow s u
         lstat u
         symlink nx broken
         link broken b2
         link-follow broken b3
         lstat b2
         link f ''
         link f .
         unlink f
         unlink g
         unlink d/f
         fstat x",
    ),
    (
        "renames of files",
        "open x f rw,creat 644
         open y g rw,creat 600
         rename f f
         rename f g
         fstat y
         stat g
         rename nx f
         rename g nx/f
         rename g h/
         rename g/ h
         rename g .
         rename . g
         rename .. g
         rename g ..
         rename '' g
         rename g ''
         link g h
         rename g h
         ls .
         stat g
         rename-noreplace g h
         rename-noreplace g i
         rename-noreplace nx i
         rename-exchange i h
         rename-exchange i nx
         rename-bad i h
         rename-noreplace h .
         rename-exchange h .
         ls .",
    ),
    (
        "renames of directories",
        "mkdir a 755
         mkdir b 755
         mkdir a/sub 755
         open x f rw,creat 644
         rename a f
         rename f a
         rename a a/sub
         rename a a/sub/x
         rename a/sub a
         rename a b
         ls b
         mkdir c 755
         rename c b
         rename b c
         ls c
         rename c/ d/
         rename d e/
         rename e/. x
         rename e e/..
         rename e/sub .
         rename e/sub ..
         mkdir full 755
         open y full/f rw,creat 644
         rename e full
         rename-exchange e full
         ls e
         rename-exchange e f
         ls .
         rename-exchange e/ f
         rename-exchange f f/sub
         rename-exchange f/x f
         rename-noreplace full full
         rmdir e
         rmdir f",
    ),
    (
        "renames of symbolic links",
        "mkdir d 755
         symlink d l
         symlink nx m
         rename l k
         readlink k
         rename k/ j
         rename m/ j
         rename d k
         rename d k/
         rename k d
         open x f rw,creat 644
         rename f m
         stat m
         rename m k
         readlink k
         stat k
         ls .",
    ),
];

pub const PIPES: &[(&str, &str)] = &[
    (
        "ends",
        "pipe r w nonblock
         getfl r
         getfl w
         read r 1
         read w 1
         write r x
         write w hello
         poll r 1
         poll w 4
         poll r 4
         read r 3
         read r 100
         poll r 1
         lseek r 0 0
         pread r 1 0
         pwrite w x 0
         fsync r
         ftruncate w 0
         dup v w
         close w
         read r 1
         write v last
         close v
         poll r 1
         read r 100
         read r 100
         poll r 1
         close r",
    ),
    (
        "attributes of a pipe",
        "pipe r w nonblock
         fstat r
         fchmod w 640
         fstat r
         futimens r 12345 678
         fmtime w
         socketpair a b nonblock
         fstat a
         fchmod a 600
         fstat a
         futimens a 12345 678
         fmtime a",
    ),
    (
        "no reader",
        "pipe r w nonblock
         write w x
         close r
         write w y
         write w ''
         poll w 4",
    ),
    (
        "capacity",
        "pipe r w nonblock
         write w #65536
         write w x
         poll w 4
         read r 4096
         poll w 4
         write w #4096
         write w #1
         read r 65536
         read r 1
         write w #100000
         read r 100000
         write w #4096
         write w #70000
         read r 4096
         write w #4096
         read r 70000",
    ),
];

pub const PERMISSIONS: &[(&str, &str)] = &[
    (
        "files",
        "open x f rw,creat 0
         write x data
         open y f r 0
         open y f w 0
         access f 4
         chmod f 400
         open y f r 0
         open y f rw 0
         open y f r,trunc 0
         truncate f 0
         chmod f 200
         open y f r 0
         open y f w 0
         open y f both 0
         open y f path 0
         chmod f 40
         open y f r 0
         chmod f 4
         open y f r 0
         chmod f 777
         access f 1
         utimens f 5 5
         chown f 1000 1000
         chown f 0 1000
         chown f 1000 0
         chown f -1 -1
         open y f r,noatime 0
         chmod f 6755
         chown f 1000 1000
         stat f
         chmod f 2644
         stat f
         write x again
         stat f",
    ),
    (
        "directories",
        "mkdir d 755
         open x d/f rw,creat 644
         mkdir d/e 755
         chmod d 0
         stat d/f
         open y d r 0
         ls d
         chdir d
         rmdir d
         chmod d 100
         stat d/f
         ls d
         unlink d/f
         chmod d 400
         ls d
         stat d/f
         stat d/.
         stat d/..
         chmod d 500
         unlink d/f
         unlink d/nx
         rename d/f g
         rename d/f d/g
         rename d/e x
         open y d/new rw,creat 644
         open y d/f rw,creat 644
         mkdir d/e 755
         mkdir d/new 755
         symlink a d/f
         symlink a d/s
         link d/f g
         link g d/h
         rmdir d/e
         rmdir d/nx
         chmod d 300
         rename d/f d/g
         open y d/g r 0
         mkdir d/sub 755
         chmod d/sub 555
         rename d/sub moved
         rename d/sub d/renamed
         chmod d 755
         ls d",
    ),
    (
        "outside",
        "open x /etc/passwd rw 0
         open x /etc/passwd r 0
         mkdir /etc/differential 755
         unlink /etc/passwd
         rename /etc/passwd /etc/differential
         chmod /etc 777
         chown /etc 1000 1000
         open x /dev/null rw,creat,trunc 600
         write x data
         read x 10
         open x /dev/zero r 0
         read x 4
         open x /dev/full rw 0
         write x a
         open x /dev/null r,dir 0
         open x /dev/null/ r 0
         mkdir /dev/null 755
         truncate /dev/null 0
         unlink /dev/null
         rmdir /
         unlink /
         mkdir / 755
         stat /..
         stat /../../etc/..
         rmdir /tmp
         stat /proc/self/nothing
         readlink /proc/self/nothing
         open x /proc/self/cmdline rw,creat 644",
    ),
];

pub const WATCHES: &[(&str, &str)] = &[
    (
        "directory",
        "mkdir d 755
         inotify i
         watch i d fff
         events i
         open x d/f rw,creat 644
         events i
         write x data
         write x data
         events i
         read x 1
         lseek x 0 0
         read x 1
         events i
         ftruncate x 0
         events i
         fchmod x 600
         events i
         close x
         events i
         open x d/f r 0
         close x
         events i
         open x d/f w,trunc 0
         close x
         events i
         truncate d/f 3
         events i
         chmod d/f 644
         utimens d/f 1 1
         events i
         link d/f d/g
         events i
         symlink f d/s
         events i
         rename d/f d/h
         events i
         rename d/h out
         events i
         rename out d/in
         events i
         rename d/in d/g
         events i
         mkdir d/sub 755
         events i
         rmdir d/sub
         events i
         unlink d/s
         events i
         unlink d/g
         unlink d/in
         events i
         ls d
         chmod d 700
         events i
         rename d e
         events i
         rmdir e
         events i
         watch i nx fff
         watch i . 0
         watch x . fff",
    ),
    (
        "file",
        "open x f rw,creat 644
         close x
         inotify i
         watch i f fff
         open x f rw 0
         write x data
         close x
         events i
         chmod f 600
         link f g
         events i
         rename f h
         events i
         unlink g
         events i
         open y new rw,creat 644
         close y
         rename new h
         events i
         watch i . 1000fff
         watch i h 1000fff
         mkdir a 755
         mkdir b 755
         events i
         rename-exchange a b
         events i",
    ),
];
