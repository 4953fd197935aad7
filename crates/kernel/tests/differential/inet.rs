//! Scripts about TCP and UDP.

pub const TCP: &[(&str, &str)] = &[
    (
        "both directions and the end",
        "inet s tcp4
         poll s 8197
         getsockname s
         getpeername s
         read s 1
         write s x
         listen s 5
         getsockname s
         accept x s nonblock
         close s
         inet s tcp4
         setsockopt s tcp:nodelay 1
         bind s 127.0.0.1:9100
         bind s 127.0.0.1:9101
         listen s 5
         poll s 8197
         read s 1
         write s x
         inet c tcp4
         setsockopt c tcp:nodelay 1
         connect c 127.0.0.1:9100
         connect c 127.0.0.1:9100
         poll c 8197
         poll s 8197
         write c early
         accept a s nonblock
         poll s 8197
         getsockname a
         getpeername c
         read a 3
         read a 100
         read a 1
         write a back
         poll c 8197
         read c 100
         sendto c more 0 127.0.0.9:1
         recvfrom a 100 0
         shutdown c 1
         poll a 8197
         poll c 8197
         write c x
         read a 1
         write a late
         read c 100
         shutdown a 1
         poll a 8197
         poll c 8197
         read c 1
         getpeername c
         getpeername a
         write a x
         shutdown a 2
         shutdown a 3",
    ),
    (
        "refused, unreachable, wrong",
        "inet c tcp4
         connect c 127.0.0.1:9100
         poll c 8197
         getsockopt c error
         connect c 127.0.0.1:0
         connect c [::1]:9100
         bind c 10.0.0.1:9100
         bind c [::1]:9100
         bind c unspec
         listen c 1
         connect c 127.0.0.1:9100
         shutdown c 1
         accept x c nonblock
         shutdown c 0
         poll c 8197
         accept x c nonblock
         inet v tcp6
         connect v 127.0.0.1:9100
         connect v [::1]:9100
         connect v [::ffff:127.0.0.1]:9100
         bind v [ff02::1]:9100
         bind v [fd00::1]:9100
         bind v 127.0.0.1:9100
         setsockopt v ip6:only 1
         bind v [::ffff:127.0.0.1]:9100
         connect v [::ffff:127.0.0.1]:9100
         bind v [::]:9100
         setsockopt v ip6:only 0
         any 2 5 0
         any 2 1 17
         any 2 2 6
         any 2 3 0
         any 2 1 -1
         any 2 1 300
         any 10 1 6
         any 10 2 17
         any 12 1 0",
    ),
    (
        "close with unread bytes",
        "inet s tcp4
         setsockopt s tcp:nodelay 1
         bind s 127.0.0.1:9100
         listen s 5
         inet c tcp4
         setsockopt c tcp:nodelay 1
         connect c 127.0.0.1:9100
         accept a s nonblock
         write a forward
         write c unread
         close a
         poll c 8197
         read c 3
         write c x
         poll c 8197
         read c 100
         read c 1
         read c 1
         write c x
         getpeername c
         getsockname c
         connect c 127.0.0.1:9100
         connect c unspec
         getsockname c
         connect c 127.0.0.1:9100
         accept b s nonblock
         close b
         poll c 8197
         write c first
         poll c 8197
         write c second
         write c third
         read c 1
         getsockopt c error",
    ),
    (
        "linger of no time",
        "inet s tcp4
         bind s 127.0.0.1:9100
         listen s 5
         inet c tcp4
         connect c 127.0.0.1:9100
         accept a s nonblock
         setsockopt c linger 0
         getsockopt c linger
         close c
         poll a 8197
         getsockopt a error
         getsockopt a error
         read a 1
         poll a 8197
         write a x",
    ),
    (
        "a listener that closes",
        "inet s tcp4
         bind s 127.0.0.1:9100
         listen s 5
         inet c tcp4
         connect c 127.0.0.1:9100
         inet d tcp4
         connect d 127.0.0.1:9100
         close d
         close s
         poll c 8197
         read c 1
         read c 1
         inet s tcp4
         bind s 127.0.0.1:9100
         listen s 5
         inet e tcp4
         connect e 127.0.0.1:9100
         close e
         accept a s nonblock
         poll a 8197
         read a 1",
    ),
    (
        "ports",
        "inet a tcp4
         bind a 127.0.0.1:9100
         inet b tcp4
         bind b 127.0.0.1:9100
         bind b 0.0.0.0:9100
         bind b 127.0.0.2:9100
         inet c tcp6
         bind c [::ffff:127.0.0.1]:9100
         bind c [::1]:9100
         inet d tcp6
         bind d [::]:9100
         setsockopt d ip6:only 1
         bind d [::]:9100
         inet e tcp6
         setsockopt e reuseaddr 1
         bind e [::]:9101
         inet f tcp4
         setsockopt f reuseaddr 1
         bind f 127.0.0.1:9101
         listen f 1
         listen e 1
         close f
         listen e 1
         inet g tcp4
         setsockopt g reuseaddr 1
         bind g 127.0.0.1:9101
         bind g 127.0.0.1:0
         getsockname g
         inet h tcp4
         setsockopt h reuseport 1
         bind h 127.0.0.1:9103
         inet i tcp4
         setsockopt i reuseport 1
         bind i 127.0.0.1:9103
         listen h 1
         listen i 1
         inet j tcp4
         bind j 127.0.0.1:80",
    ),
    (
        "a server that starts again",
        "inet s tcp4
         setsockopt s reuseaddr 1
         bind s 127.0.0.1:9100
         listen s 5
         inet c tcp4
         connect c 127.0.0.1:9100
         accept a s nonblock
         close a
         close s
         inet t tcp4
         bind t 127.0.0.1:9100
         setsockopt t reuseaddr 1
         bind t 127.0.0.1:9100
         listen t 5
         inet d tcp4
         connect d 127.0.0.1:9100
         read c 1
         close c
         inet u tcp4
         bind u 127.0.0.2:9100",
    ),
    (
        "to itself",
        "inet c tcp4
         setsockopt c tcp:nodelay 1
         bind c 127.0.0.1:9100
         connect c 127.0.0.1:9100
         getpeername c
         poll c 8197
         write c hello
         read c 100
         shutdown c 1
         poll c 8197
         read c 1",
    ),
    (
        "both families",
        "inet s tcp6
         bind s [::]:9100
         listen s 5
         getsockname s
         inet c tcp4
         connect c 0.0.0.0:9100
         getpeername c
         accept a s nonblock
         getsockname a
         inet d tcp6
         connect d [::]:9100
         getpeername d
         getsockname d
         accept b s nonblock
         getsockname b
         inet e tcp6
         connect e [::ffff:127.0.0.5]:9100
         getpeername e
         getsockname e
         accept f s nonblock
         getsockname f",
    ),
    (
        "a full backlog",
        "inet s tcp4
         bind s 127.0.0.1:9100
         listen s 0
         inet a tcp4
         connect a 127.0.0.1:9100
         inet b tcp4
         connect b 127.0.0.1:9100
         poll b 8197
         read b 1
         write b x
         connect b 127.0.0.1:9100
         getpeername b
         shutdown b 1
         poll b 8197
         getsockopt b error
         poll s 8197",
    ),
    (
        "two names twice",
        "inet s tcp4
         bind s 127.0.0.1:9100
         listen s 5
         inet a tcp4
         setsockopt a reuseaddr 1
         bind a 127.0.0.1:9101
         inet b tcp4
         setsockopt b reuseaddr 1
         bind b 127.0.0.1:9101
         connect a 127.0.0.1:9100
         connect b 127.0.0.1:9100
         poll b 8197
         inet t tcp4
         bind t 127.0.0.1:9102
         listen t 5
         connect b 127.0.0.1:9102
         connect b unspec
         poll b 8197
         getsockopt b error
         getsockname b",
    ),
];

pub const UDP: &[(&str, &str)] = &[
    (
        "with and without a peer",
        "inet a udp4
         poll a 8197
         getsockname a
         write a x
         listen a 1
         accept x a nonblock
         shutdown a 1
         close a
         inet a udp4
         bind a 127.0.0.1:9200
         inet b udp4
         sendto b hello 0 127.0.0.1:9200
         getsockname b
         poll a 8197
         recvfrom a 3 0
         recvfrom a 3 0
         sendto b longer 0 127.0.0.1:9200
         recvfrom a 3 trunc
         sendto b '' 0 127.0.0.1:9200
         poll a 8197
         recvfrom a 3 peek
         recvfrom a 0 0
         recvfrom a 1 0
         connect b 127.0.0.1:9200
         getpeername b
         getsockname b
         write b one
         recvmsg a 2
         connect a 127.0.0.1:9201
         sendto b lost 0 127.0.0.1:9200
         poll b 8197
         getsockopt b error
         recvfrom a 100 0
         connect a unspec
         getsockname a
         getpeername a
         write b two
         read a 100
         connect b unspec
         getsockname b
         write b x",
    ),
    (
        "nobody there",
        "inet a udp4
         connect a 127.0.0.1:9200
         write a x
         poll a 8197
         write a x
         write a x
         read a 1
         read a 1
         sendto a x 0 127.0.0.1:9201
         read a 1
         inet b udp6
         connect b [::1]:9200
         write b x
         getsockopt b error
         read b 1",
    ),
    (
        "sizes and addresses",
        "inet a udp4
         bind a 127.0.0.1:9200
         inet b udp4
         sendto b #65507 0 127.0.0.1:9200
         recvfrom a 70000 0
         sendto b #65508 0 127.0.0.1:9200
         sendto b #65536 0 127.0.0.1:9200
         sendto b x 0 127.0.0.1:0
         sendto b x oob 127.0.0.1:9200
         sendto b x 0 [::1]:9200
         sendto b x 0 unspec
         connect b 127.0.0.1:0
         getpeername b
         connect b 127.255.255.255:9200
         setsockopt b broadcast 1
         connect b 127.255.255.255:9200
         inet c udp6
         sendto c #65507 0 [::1]:9201
         bind c [::1]:9201
         inet d udp6
         sendto d #65527 0 [::1]:9201
         recvfrom c 70000 0
         sendto d #65528 0 [::1]:9201
         sendto d x 0 127.0.0.1:9200
         recvfrom a 1 0
         connect d 127.0.0.1:9200
         getpeername d
         write d y
         recvfrom a 1 0
         bind d [::]:9300
         inet e udp6
         setsockopt e ip6:only 1
         sendto e x 0 127.0.0.1:9200
         sendto e x 0 [::ffff:127.0.0.1]:9200
         connect e 127.0.0.1:9200
         bind e 10.0.0.1:9",
    ),
    (
        "halves",
        "inet a udp4
         bind a 127.0.0.1:9200
         inet b udp4
         connect b 127.0.0.1:9200
         shutdown b 1
         write b x
         poll b 8197
         shutdown b 0
         poll b 8197
         read b 1
         shutdown a 0
         poll a 8197
         read a 1
         sendto b x 0 127.0.0.1:9200
         inet c udp4
         sendto c late 0 127.0.0.1:9200
         read a 100",
    ),
    (
        "shared ports",
        "inet a udp4
         setsockopt a reuseaddr 1
         bind a 127.0.0.1:9200
         inet b udp4
         bind b 127.0.0.1:9200
         setsockopt b reuseaddr 1
         bind b 0.0.0.0:9200
         inet c udp4
         setsockopt c reuseaddr 1
         bind c 127.0.0.1:9200
         inet s udp4
         bind s 127.0.0.1:9201
         sendto s x 0 127.0.0.1:9200
         recvfrom a 1 0
         recvfrom b 1 0
         recvfrom c 1 0
         sendto s y 0 127.0.0.3:9200
         recvfrom b 1 0
         connect a 127.0.0.1:9201
         sendto s z 0 127.0.0.1:9200
         recvfrom a 1 0
         recvfrom c 1 0
         inet d udp6
         setsockopt d reuseaddr 1
         bind d [::]:9200
         sendto s w 0 127.0.0.4:9200
         recvfrom b 1 0
         recvfrom d 1 0
         close b
         sendto s w 0 127.0.0.4:9200
         recvfrom d 1 0",
    ),
    (
        "groups",
        "inet a udp4
         bind a 0.0.0.0:9200
         setsockopt a ip:join 127.0.0.1
         setsockopt a ip:join 239.1.2.3
         setsockopt a ip:join 239.1.2.3
         setsockopt a ip:leave 239.1.2.4
         setsockopt a ip:leave 239.1.2.3
         setsockopt a ip:leave 239.1.2.3
         setsockopt a ip6:join ff01::1
         inet b udp6
         setsockopt b ip6:join ::1
         setsockopt b ip6:join ff01::55
         setsockopt b ip6:join ff01::55
         setsockopt b ip6:leave ff01::55
         setsockopt b ip6:leave ff01::55
         inet t tcp4
         setsockopt t ip:join 239.1.2.3",
    ),
    (
        "groups for some senders",
        "inet a udp4
         bind a 0.0.0.0:9200
         setsockopt a ip:leave-source 127.0.0.1@239.1.2.3
         setsockopt a ip:join-source 127.0.0.1@127.0.0.2
         setsockopt a ip:join-source 127.0.0.1@239.1.2.3
         setsockopt a ip:join-source 127.0.0.1@239.1.2.3
         setsockopt a ip:join-source 127.0.0.2@239.1.2.3
         setsockopt a ip:join 239.1.2.3
         setsockopt a ip:leave-source 127.0.0.3@239.1.2.3
         setsockopt a ip:leave-source 127.0.0.2@239.1.2.3
         setsockopt a ip:leave-source 127.0.0.1@239.1.2.3
         setsockopt a ip:leave-source 127.0.0.1@239.1.2.3
         setsockopt a ip:leave 239.1.2.3
         setsockopt a ip:join 239.1.2.3
         setsockopt a ip:leave-source 127.0.0.1@239.1.2.3
         setsockopt a ip:join-source 127.0.0.1@239.1.2.3
         setsockopt a ip:leave-source 127.0.0.1@239.1.2.3
         setsockopt a ip:leave 239.1.2.3
         setsockopt a ip6:join-source ::1@ff01::55
         inet b udp6
         setsockopt b ip6:leave-source ::1@ff01::55
         setsockopt b ip6:join-source ::1@ff01::55
         setsockopt b ip6:join-source ::1@ff01::55
         setsockopt b ip6:join-source ::2@ff01::55
         setsockopt b ip6:join ff01::55
         setsockopt b ip6:leave-source ::1@ff01::55
         setsockopt b ip6:leave-source ::2@ff01::55
         setsockopt b ip6:leave ff01::55
         setsockopt b ip6:join-source ::1@::1",
    ),
];

pub const OPTIONS: &[(&str, &str)] = &[(
    "read back",
    "inet a tcp4
     getsockopt a type
     getsockopt a domain
     getsockopt a protocol
     getsockopt a acceptconn
     getsockopt a reuseaddr
     setsockopt a reuseport 1
     getsockopt a reuseport
     getsockopt a keepalive
     setsockopt a keepalive 1
     getsockopt a keepalive
     getsockopt a tcp:nodelay
     setsockopt a tcp:nodelay 5
     getsockopt a tcp:nodelay
     getsockopt a tcp:idle
     setsockopt a tcp:idle 0
     setsockopt a tcp:idle 32768
     setsockopt a tcp:idle 60
     getsockopt a tcp:idle
     setsockopt a tcp:interval 10
     getsockopt a tcp:interval
     setsockopt a tcp:probes 128
     setsockopt a tcp:probes 3
     getsockopt a tcp:probes
     getsockopt a tcp:tries
     getsockopt a tcp:segment
     setsockopt a tcp:segment 5
     setsockopt a tcp:segment 1000
     getsockopt a tcp:segment
     setsockopt a tcp:linger2 -5
     getsockopt a tcp:linger2
     setsockopt a tcp:timeout -1
     setsockopt a tcp:timeout 1000
     getsockopt a tcp:timeout
     setsockopt a tcp:cork 1
     getsockopt a tcp:cork
     getsockopt a tcp:quickack
     getsockopt a sndbuf
     getsockopt a rcvbuf
     setsockopt a sndbuf 100000
     getsockopt a sndbuf
     setsockopt a rcvbuf 1
     getsockopt a rcvbuf
     getsockopt a ip:ttl
     setsockopt a ip:ttl 0
     setsockopt a ip:ttl 10
     getsockopt a ip:ttl
     setsockopt a ip:ttl -1
     getsockopt a ip:ttl
     setsockopt a ip:tos 23
     getsockopt a ip:tos
     setsockopt a ip:mc-ttl 5
     getsockopt a ip6:only
     setsockopt a ip6:only 1
     setsockopt a passcred 1
     getsockopt a linger
     setsockopt a linger 5
     getsockopt a linger
     setsockopt a linger -1
     getsockopt a linger
     inet b udp6
     getsockopt b protocol
     getsockopt b sndbuf
     getsockopt b rcvbuf
     getsockopt b ip6:only
     setsockopt b ip6:only 1
     getsockopt b ip6:only
     getsockopt b ip6:hops
     setsockopt b ip6:hops 256
     setsockopt b ip6:hops 5
     getsockopt b ip6:hops
     getsockopt b ip6:mc-hops
     setsockopt b ip6:mc-hops 256
     setsockopt b ip6:mc-hops 7
     getsockopt b ip6:mc-hops
     getsockopt b ip6:mc-loop
     setsockopt b ip6:mc-loop 2
     setsockopt b ip6:mc-loop 0
     getsockopt b ip6:mc-loop
     setsockopt b ip6:class 300
     setsockopt b ip6:class 8
     getsockopt b ip6:class
     getsockopt b tcp:nodelay
     setsockopt b tcp:nodelay 1
     inet c udp4
     setsockopt c ip:tos 23
     getsockopt c ip:tos
     getsockopt c ip:mc-ttl
     setsockopt c ip:mc-ttl 256
     setsockopt c ip:mc-ttl 9
     getsockopt c ip:mc-ttl
     getsockopt c ip:mc-loop
     setsockopt c ip:mc-loop 0
     getsockopt c ip:mc-loop
     getsockopt c ip:mc-all
     setsockopt c ip:mc-all 2
     getsockopt c broadcast
     setsockopt c broadcast 1
     getsockopt c broadcast",
)];
