//! Scripts about FIFOs: who waits for whom, and what is told of the other end.

pub const FIFOS: &[(&str, &str)] = &[
    (
        "fifo",
        "mkfifo p 600
         mkfifo p 600
         lstat p
         open w p w,nonblock 0
         open r p r,nonblock 0
         read r 1
         poll r 1
         open w p w,nonblock 0
         read r 1
         write w hi
         read r 10
         close w
         read r 1
         poll r 1
         open b p rw,nonblock 0
         write b both
         read b 10
         truncate p 0
         open t p rw,trunc,nonblock 0
         unlink p
         write b still
         read r 10",
    ),
    (
        "a reader waits for a writer",
        "mkfifo p 600
         begin-open r p r
         end-open r
         open w p w,nonblock 0
         end-open r
         poll w 4
         write w hi
         read r 10
         poll r 1
         close w
         poll r 1
         read r 10
         begin-open r2 p r
         end-open r2
         close r
         end-open r2
         open w p w 0
         end-open r2
         close w
         read r2 1",
    ),
    (
        "a writer waits for a reader",
        "mkfifo p 600
         begin-open w p w
         end-open w
         begin-open w2 p w
         end-open w2
         open r p r,nonblock 0
         end-open w
         end-open w2
         poll r 1
         poll w 4
         write w one
         write w2 two
         close w
         close w2
         poll r 1
         read r 10
         read r 10
         poll r 1
         close r
         begin-open w p w
         end-open w
         open w3 p w,nonblock 0
         begin-open r p r
         end-open r
         end-open w
         setfl r nonblock
         read r 1
         write w x
         read r 1",
    ),
    (
        "the other end is closed again before the waiting open goes on",
        "mkfifo p 600
         begin-open r p r
         open w p w 0
         write w lost
         close w
         end-open r
         setfl r nonblock
         read r 10
         poll r 1
         close r
         begin-open w p w
         open r p r 0
         close r
         end-open w
         poll w 4
         write w x",
    ),
    (
        "both ends at once wait for nobody",
        "mkfifo p 600
         begin-open b p rw
         end-open b
         begin-open r p r
         end-open r
         begin-open w p w
         end-open w
         setfl r nonblock
         close b
         read r 1
         write w x
         read r 1
         close w
         read r 1
         poll r 1",
    ),
    (
        "hang-up is told by what was open before",
        "mkfifo p 600
         open r p r,nonblock 0
         poll r 1
         open w p w,nonblock 0
         open r2 p r,nonblock 0
         poll r2 1
         close w
         poll r 1
         poll r2 1
         open r3 p r,nonblock 0
         poll r3 1
         read r3 1
         open w p w 0
         close w
         poll r3 1",
    ),
    (
        "what opening a FIFO may be refused for",
        "mkfifo p 600
         begin-open x p r,dir
         end-open x
         begin-open x p r,creat,excl
         end-open x
         begin-open x p r,creat
         end-open x
         begin-open y p w,creat,trunc,append
         end-open y
         end-open x
         write y hi
         read x 2
         open z p path 0
         unlink p
         begin-open x p r
         end-open x",
    ),
];
