//! Scripts about sockets.

pub const STREAMS: &[(&str, &str)] = &[
    (
        "both directions and the end",
        "socketpair a b nonblock
         getfl a
         fstat a
         read a 1
         poll a 8197
         write a hello
         write b world
         read b 3
         read b 100
         read a 100
         read a 1
         lseek a 0 0
         pread a 1 0
         ftruncate a 0
         fsync a
         write a last
         close a
         poll b 8197
         read b 100
         read b 100
         read b 100
         write b x
         poll b 4",
    ),
    (
        "shutdown",
        "socketpair a b nonblock
         write a one
         shutdown a 1
         write a two
         poll a 8197
         poll b 8197
         read b 100
         read b 100
         write b back
         read a 100
         shutdown b 0
         read b 1
         shutdown b 1
         read a 1
         poll a 8197
         poll b 8197
         write b x
         shutdown a 3
         shutdown a 2",
    ),
    (
        "reading half",
        "socketpair a b nonblock
         write b early
         shutdown a 0
         poll a 8197
         poll b 8197
         read a 3
         read a 100
         read a 100
         write b late
         write a still
         read b 100",
    ),
    (
        "unread data at the close",
        "socketpair a b nonblock
         write a forward
         write b unread
         close b
         poll a 8197
         read a 0
         write a x
         read a 1
         read a 1
         poll a 8197
         socketpair c d nonblock
         write c forward
         write d unread
         close d
         read c 100",
    ),
    (
        "names",
        "socket s nonblock
         fstat s
         getfl s
         poll s 8197
         read s 1
         listen s 5
         accept x s nonblock
         umask 27
         bind s name
         stat name
         bind s other
         poll s 8197
         open o name rw 0
         listen s 5
         poll s 8197
         accept x s nonblock
         read s 1
         socket c nonblock
         connect c nothing
         connect c .
         connect c name
         connect c name
         poll s 8197
         write c early
         accept x s nonblock
         poll s 8197
         read x 100
         write x back
         read c 100
         shutdown c 1
         read x 1
         getfl x
         close x
         read c 1
         socket b nonblock
         bind b name
         unlink name
         connect b name
         bind b name
         connect b name
         open f file rw,creat 600
         connect b file
         bind f other
         listen f 1
         accept x f nonblock
         connect f name
         shutdown s 0
         shutdown b 1",
    ),
    (
        "closed listener",
        "socket s nonblock
         bind s name
         listen s 0
         socket a nonblock
         connect a name
         socket b nonblock
         connect b name
         close s
         read a 1
         write a x
         socket c nonblock
         connect c name
         stat name
         socket d nonblock
         bind d name
         unlink name
         bind d name
         listen d 0
         connect c name
         socket e nonblock
         connect e name
         socket g nonblock
         connect g name
         connect d name",
    ),
    (
        "pairs have their peer",
        "socketpair a b nonblock
         listen a 1
         accept x a nonblock",
    ),
    (
        "no socket",
        "open f f rw,creat 600
         shutdown f 1
         pipe r w nonblock
         shutdown r 0",
    ),
];

pub const DATAGRAMS: &[(&str, &str)] = &[
    (
        "messages keep their boundaries",
        "dgram-pair a b
         fstat a
         getfl a
         poll a 8197
         read a 10
         write a one
         write a three
         write a ''
         poll b 8197
         read b 2
         read b 0
         read b 100
         read b 100
         read b 100
         poll b 8197
         writev a con cat
         readv b 2 2
         writev a con cat
         readv b 3 30
         lseek a 0 0
         pread a 1 0
         ftruncate a 0
         close a
         poll b 8197
         read b 1
         write b x
         write b y
         poll b 4
         read b 1",
    ),
    (
        "flags",
        "dgram-pair a b
         sendto a hello dontwait -
         recvfrom b 3 peek
         recvfrom b 3 peek,trunc
         recvfrom b 3 trunc
         recvfrom b 3 0
         sendto a '' 0 -
         recvfrom b 0 0
         sendto a hello 0 -
         recvfrom b 0 0
         recvfrom b 0 dontwait
         sendto a x oob -
         recvfrom b 1 oob
         sendto a hello 0 -
         recvmsg b 2
         sendto a hello 0 -
         recvmsg b 10
         recvmsg b 10",
    ),
    (
        "shutdown",
        "dgram-pair a b
         write a early
         shutdown a 1
         poll a 8197
         poll b 8197
         write a late
         read b 100
         read b 100
         shutdown b 0
         poll b 8197
         poll a 8197
         recvfrom b 10 dontwait
         write a x
         write b y
         read a 10
         shutdown b 1
         poll b 8197
         dgram s
         shutdown s 2
         poll s 8197
         dgram-pair c d
         shutdown d 0
         write c x",
    ),
    (
        "without a peer",
        "dgram s
         fstat s
         poll s 8197
         read s 10
         write s x
         listen s 5
         accept x s nonblock
         getpeername s
         getsockname s
         sendto s x 0 nowhere
         bind s here
         stat here
         bind s there
         getsockname s
         dgram c
         sendto c hello 0 here
         recvfrom s 10 0
         bind c client
         sendto c again 0 here
         recvfrom s 10 0
         sendto s back 0 client
         recvfrom c 10 0
         connect c here
         getpeername c
         write c connected
         recvfrom s 20 0
         sendto s x 0 client
         recvfrom c 10 0
         dgram other
         sendto other x 0 client
         connect other client
         connect s client
         sendto other x 0 here
         sendto other x 0 client
         connect c unspec
         getpeername c
         write c x
         sendto other x 0 client
         recvfrom c 10 0",
    ),
    (
        "receiver gone",
        "dgram s
         bind s here
         dgram c
         connect c here
         write c one
         close s
         poll c 8197
         getpeername c
         write c two
         write c three
         getpeername c
         sendto c x 0 here
         dgram t
         bind t here
         unlink here
         bind t here
         write c x
         connect c here
         write c y
         recvfrom t 10 0",
    ),
    (
        "a new peer loses what the old one sent",
        "dgram a
         bind a a
         dgram b
         bind b b
         dgram c
         bind c c
         connect a b
         connect b a
         write b lost
         connect a c
         recvfrom a 10 0
         poll b 8197
         getsockopt b error
         getsockopt b error
         write b x
         connect a b
         write b y
         connect a unspec
         poll b 8197
         read b 10
         read b 10
         write a z",
    ),
    (
        "types do not mix",
        "dgram d
         bind d d
         socket s nonblock
         bind s s
         listen s 5
         connect d s
         sendto d x 0 s
         socket c nonblock
         connect c d
         connect c s
         sendto c x 0 s
         sendto c x 0 d
         socket e nonblock
         sendto e x 0 s
         sendto e x 0 -
         recvfrom e 1 0
         open f file rw,creat 600
         connect d file
         sendto d x 0 file
         sendto f x 0 d
         recvfrom f 1 0
         getsockname f
         getpeername f
         getsockopt f type
         setsockopt f reuseaddr 1",
    ),
    (
        "too long",
        "dgram-pair a b
         write a #212960
         read b 300000
         write a #212961
         setsockopt a sndbuf 4096
         getsockopt a sndbuf
         write a #8160
         write a #8161
         read b 10000",
    ),
];

pub const NAMES: &[(&str, &str)] = &[
    (
        "abstract",
        "socket s nonblock
         bind s @secure-exec-differential
         getsockname s
         bind s @secure-exec-differential-2
         bind s name
         listen s 5
         socket t nonblock
         bind t @secure-exec-differential
         socket c nonblock
         connect c @secure-exec-nobody
         connect c @secure-exec-differential
         getpeername c
         getsockname c
         accept x s nonblock
         getsockname x
         getpeername x
         write c hello
         recvfrom x 10 0
         write x back
         recvfrom c 10 0
         close s
         read c 10
         bind t @secure-exec-differential
         close x
         close t
         socket u nonblock
         bind u @secure-exec-differential
         dgram d
         sendto d x 0 @secure-exec-differential
         bind d @secure-exec-differential
         getsockname d
         dgram e
         bind e @secure-exec-differential
         sendto e x 0 @secure-exec-differential
         recvfrom d 10 0",
    ),
    (
        "chosen by the kernel",
        "socket s nonblock
         bind s auto
         getsockname s
         bind s auto
         bind s name
         dgram d
         bind d auto
         getsockname d
         dgram e
         setsockopt e passcred 1
         getsockname e
         connect e nowhere
         getsockname e",
    ),
    (
        "of streams",
        "socket s nonblock
         getsockname s
         getpeername s
         bind s server
         getsockname s
         listen s 5
         getpeername s
         socket c nonblock
         bind c client
         connect c server
         getsockname c
         getpeername c
         accept x s nonblock
         getsockname x
         getpeername x
         socketpair a b nonblock
         getsockname a
         getpeername a
         bind a pair
         getsockname a
         getpeername b
         write a x
         recvfrom b 1 0
         connect a server
         sendto a x 0 server
         close b
         getpeername a",
    ),
    (
        "families and types",
        "any 1 1 0
         any 1 2 0
         any 1 3 0
         any 1 1 1
         any 1 1 2
         any 1 4 0
         any 1 11 0
         any 1 -1 0
         any 1 257 0
         any 46 1 0
         any -1 1 0
         any 9999 99 0
         socket s nonblock
         connect s unspec
         bind s unspec",
    ),
    (
        "permission to write",
        "socket s nonblock
         bind s name
         listen s 5
         chmod name 0
         socket c nonblock
         connect c name
         dgram d
         connect d name",
    ),
];

pub const OPTIONS: &[(&str, &str)] = &[
    (
        "that read back",
        "socket s nonblock
         getsockopt s type
         getsockopt s domain
         getsockopt s protocol
         getsockopt s error
         getsockopt s acceptconn
         getsockopt s sndbuf
         getsockopt s rcvbuf
         getsockopt s reuseaddr
         setsockopt s reuseaddr 1
         getsockopt s reuseaddr
         setsockopt s reuseaddr 7
         getsockopt s reuseaddr
         setsockopt s reuseaddr 0
         getsockopt s reuseaddr
         setsockopt s keepalive 1
         getsockopt s keepalive
         setsockopt s broadcast 1
         getsockopt s broadcast
         setsockopt s oobinline 1
         getsockopt s oobinline
         getsockopt s rcvlowat
         getsockopt s sndlowat
         setsockopt s sndbuf 10000
         getsockopt s sndbuf
         setsockopt s sndbuf 0
         getsockopt s sndbuf
         setsockopt s rcvbuf 10000
         getsockopt s rcvbuf
         setsockopt s rcvbuf 1
         getsockopt s rcvbuf
         setsockopt s priority 3
         getsockopt s priority
         setsockopt s type 1
         setsockopt s error 1
         setsockopt s acceptconn 1
         setsockopt s peercred 1
         setsockopt s 9999 1
         getsockopt s 9999
         bind s name
         listen s 5
         getsockopt s acceptconn
         dgram d
         getsockopt d type
         getsockopt d acceptconn
         setsockopt d sndbuf 20000
         getsockopt d sndbuf
         setsockopt d passcred 1
         getsockopt d passcred",
    ),
    (
        "error of a connection",
        "socketpair a b nonblock
         write a unread
         close b
         poll a 8197
         getsockopt a error
         poll a 8197
         getsockopt a error
         read a 1",
    ),
];

pub const RIGHTS: &[(&str, &str)] = &[
    (
        "over a stream",
        "open f file rw,creat 600
         write f contents
         socketpair a b nonblock
         sendmsg a one f
         close f
         recvmsg b 10 g
         lseek g 0 0
         read g 100
         write a before
         sendmsg a with g
         write a after
         recvmsg b 100 h
         recvmsg b 100 i
         sendmsg a 123456 g,h
         recvmsg b 2 j
         recvmsg b 100 k
         sendmsg a x g
         sendmsg a y g
         read b 100
         read b 100
         sendmsg a x missing
         sendmsg a '' g
         recvmsg b 10 l
         sendmsg a x g
         close a
         recvmsg b 10 m
         recvmsg b 10 n",
    ),
    (
        "over datagrams",
        "pipe r w nonblock
         dgram-pair a b
         sendmsg a one r,w
         close r
         close w
         recvmsg b 10 p
         sendmsg a two p
         recvfrom b 10 0
         sendmsg a three p
         close a
         recvmsg b 10 q",
    ),
];
