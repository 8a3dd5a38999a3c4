//! Real connections between the namespaces.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, connect, getsockopt, listen,
    setsockopt, socket, sockopt,
};

use crate::site::{Place, SERVER, Site};

/// Nothing more gets through when nothing has for so long: longer than a SYN takes to be sent
/// again for the first time.
const QUIET: Duration = Duration::from_millis(1_600);

/// A server outside, until it is dropped: it keeps what it accepts.
pub(crate) struct Server {
    port: u16,
    kept: Receiver<TcpStream>,
}

impl Server {
    /// Keeps every connection to `port`, and sends back what comes by it when it is asked to.
    pub(crate) fn start(site: &Site, port: u16) -> Self {
        let listener = site.enter(Place::Outside, || listener(port));
        let (keep, kept) = channel();
        std::thread::spawn(move || accept(&listener, &keep));
        Self { port, kept }
    }

    pub(crate) const fn address(&self) -> SocketAddrV4 {
        let [a, b, c, d] = SERVER;
        SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), self.port)
    }

    /// The connections that came since the last call.
    pub(crate) fn accepted(&self) -> Vec<TcpStream> {
        self.kept.try_iter().collect()
    }
}

/// Listens outside on ports from 8000 on and accepts nothing: the kernel keeps up to 4,096
/// connections of each port, which take no open files.
pub(crate) fn backlogs(site: &Site, ports: u16) -> (Vec<TcpListener>, Vec<SocketAddrV4>) {
    let ports = 8_000..8_000 + ports;
    let listeners = site.enter(Place::Outside, || ports.clone().map(listener).collect());
    let [a, b, c, d] = SERVER;
    (listeners, ports.map(|port| SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port)).collect())
}

fn accept(listener: &TcpListener, keep: &Sender<TcpStream>) {
    for stream in listener.incoming() {
        if stream.is_ok_and(|stream| keep.send(stream).is_err()) {
            return;
        }
    }
}

/// A listener with a long queue.
pub(crate) fn listener(port: u16) -> TcpListener {
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    setsockopt(&fd, sockopt::ReuseAddr, &true).unwrap();
    bind(fd.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, port)).unwrap();
    listen(&fd, Backlog::new(4_096).unwrap()).unwrap();
    TcpListener::from(fd)
}

/// Begins to connect from inside host 10.0.0.`host`.
pub(crate) fn begin(host: u8, to: SocketAddrV4) -> OwnedFd {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    setsockopt(&fd, sockopt::IpBindAddressNoPort, &true).unwrap();
    bind(fd.as_raw_fd(), &SockaddrIn::new(10, 0, 0, host, 0)).unwrap();
    match connect(fd.as_raw_fd(), &SockaddrIn::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => fd,
        Err(error) => panic!("connect: {error}"),
    }
}

/// What came of connections that were begun.
pub(crate) struct Opened {
    /// Those that got through.
    pub(crate) through: Vec<TcpStream>,
    /// Those that are still trying.
    pub(crate) waiting: Vec<OwnedFd>,
}

/// Opens connections from inside, one from each of `hosts` in turn, and waits until no more get
/// through. Those that do not go on trying until they are dropped.
pub(crate) fn open(site: &Site, hosts: &[u8], count: usize, to: SocketAddrV4) -> Opened {
    open_to(site, hosts, count, &[to])
}

/// The same, to several servers in turn.
pub(crate) fn open_to(site: &Site, hosts: &[u8], count: usize, to: &[SocketAddrV4]) -> Opened {
    let begun = site.enter(Place::Inside, || {
        let ends = hosts.iter().cycle().zip(to.iter().cycle()).take(count);
        // A burst at a time: nothing else is to drop packets.
        let mut begun = Vec::new();
        for (nth, (host, to)) in ends.enumerate() {
            begun.push(begin(*host, *to));
            if nth % 256 == 255 {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        begun
    });
    let mut opened = Opened { through: Vec::new(), waiting: begun };
    opened.wait();
    opened
}

impl Opened {
    /// Waits until no more get through.
    pub(crate) fn wait(&mut self) {
        let mut last = Instant::now();
        while last.elapsed() < QUIET && !self.waiting.is_empty() {
            if self.collect() > 0 {
                last = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The inside hosts of those that got through, by the last byte of their addresses.
    pub(crate) fn hosts(&self) -> Vec<u8> {
        let address = |stream: &TcpStream| match stream.local_addr().unwrap().ip() {
            std::net::IpAddr::V4(address) => address.octets()[3],
            std::net::IpAddr::V6(_) => unreachable!("all of them use IPv4"),
        };
        self.through.iter().map(address).collect()
    }

    /// Waits until so many have got through; it takes seconds until a SYN is sent once more.
    pub(crate) fn wait_for(&mut self, through: usize) {
        let begun = Instant::now();
        while self.through.len() < through && begun.elapsed() < Duration::from_secs(30) {
            self.collect();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes those that have got through by now; how many.
    fn collect(&mut self) -> usize {
        let mut ready: Vec<_> =
            self.waiting.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLOUT)).collect();
        poll(&mut ready, PollTimeout::ZERO).unwrap();
        let ready: Vec<_> =
            ready.iter().map(|fd| fd.revents().is_some_and(|events| !events.is_empty())).collect();
        let before = self.through.len();
        let mut nth = 0;
        let through = self.waiting.extract_if(.., |fd| {
            nth += 1;
            ready[nth - 1] && getsockopt(fd, sockopt::SocketError).unwrap() == 0
        });
        self.through.extend(through.map(|fd| {
            let stream = TcpStream::from(fd);
            stream.set_nonblocking(false).unwrap();
            stream
        }));
        self.through.len() - before
    }
}

/// Whether a byte comes through a connection.
pub(crate) fn carries(from: &mut TcpStream, to: &mut TcpStream) -> bool {
    to.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut byte = [0];
    from.write_all(&[42]).is_ok() && to.read_exact(&mut byte).is_ok() && byte == [42]
}

/// The server's end of a connection.
pub(crate) fn other_end(stream: &TcpStream, accepted: &mut Vec<TcpStream>) -> TcpStream {
    let name = stream.local_addr().unwrap();
    let place = accepted.iter().position(|end| end.peer_addr().unwrap() == name);
    accepted.swap_remove(place.expect("it was accepted"))
}

/// Ends connections at once, by a reset.
pub(crate) fn reset(streams: impl IntoIterator<Item = TcpStream>) {
    let now = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    for stream in streams {
        let fd = unlinger(stream, now);
        drop(fd);
    }
}

fn unlinger(stream: TcpStream, now: nix::libc::linger) -> OwnedFd {
    let fd = OwnedFd::from(stream);
    setsockopt(&fd, sockopt::Linger, &now).unwrap();
    fd
}

/// A name server outside that knows no name, until the test ends.
pub(crate) fn name_server(site: &Site) {
    let socket = site.enter(Place::Outside, || UdpSocket::bind("0.0.0.0:53").unwrap());
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let answer = answer(&buffer[..length]);
            let _gone = socket.send_to(&answer, client);
        }
    });
}

/// The answer that there is no such name, to the first question (RFC 1035, section 4.1).
fn answer(query: &[u8]) -> Vec<u8> {
    const RESPONSE: u8 = 0x80;
    const NO_SUCH_NAME: u8 = 3;
    let question = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let mut answer = query[..question].to_vec();
    answer[2] |= RESPONSE;
    answer[3] = NO_SUCH_NAME;
    answer[6..12].fill(0);
    answer
}

/// Sends one datagram from an inside host and waits for nothing.
pub(crate) fn datagram(site: &Site, host: u8, source: u16, to: SocketAddr) {
    site.enter(Place::Inside, || {
        let socket = UdpSocket::bind((Ipv4Addr::new(10, 0, 0, host), source)).unwrap();
        socket.send_to(b"x", to).unwrap();
    });
}

/// A socket outside that takes datagrams and answers none.
pub(crate) fn silent(site: &Site, port: u16) -> UdpSocket {
    site.enter(Place::Outside, || {
        let socket = UdpSocket::bind((Ipv4Addr::from(SERVER), port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        socket
    })
}

/// How many datagrams have come to it, and come in the next half second.
pub(crate) fn heard(socket: &UdpSocket) -> usize {
    std::iter::from_fn(|| socket.recv(&mut [0; 8]).ok()).count()
}

/// Connects from one port of an inside host, on the thread's namespace.
pub(crate) fn connect_from(host: u8, port: u16, to: SocketAddrV4) -> Result<TcpStream, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    bind(fd.as_raw_fd(), &SockaddrIn::new(10, 0, 0, host, port))?;
    connect(fd.as_raw_fd(), &SockaddrIn::from(to))?;
    Ok(TcpStream::from(fd))
}

/// A server outside that accepts connections and lets their clients end them.
pub(crate) struct Closer {
    port: u16,
}

impl Closer {
    pub(crate) fn start(site: &Site, port: u16) -> Self {
        let listener = site.enter(Place::Outside, || listener(port));
        std::thread::spawn(move || {
            // A reset from the client ends a connection for both; what is dropped before is ended.
            let mut last = std::collections::VecDeque::new();
            for stream in listener.incoming() {
                last.push_back(stream);
                if last.len() > 512 {
                    last.pop_front();
                }
            }
        });
        Self { port }
    }

    pub(crate) const fn address(&self) -> SocketAddrV4 {
        let [a, b, c, d] = SERVER;
        SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), self.port)
    }
}

/// Connections that are opened and ended one after another, so many at a time.
pub(crate) struct Churn {
    stop: Sender<()>,
    made: std::sync::Arc<std::sync::atomic::AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Churn {
    /// Keeps `at_once` connections under way, from each of `hosts` in turn.
    pub(crate) fn start(site: &Site, hosts: &[u8], at_once: usize, to: SocketAddrV4) -> Self {
        let (stop, stopped) = channel();
        let made = std::sync::Arc::default();
        let (hosts, counter) = (hosts.to_vec(), std::sync::Arc::clone(&made));
        let thread = site.spawn(Place::Inside, move || {
            churn(&hosts, at_once, to, &counter, &stopped);
        });
        Self { stop, made, thread }
    }

    /// How many have been made.
    pub(crate) fn count(&self) -> u64 {
        self.made.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Ends; how many have been made.
    pub(crate) fn end(self) -> u64 {
        drop(self.stop);
        self.thread.join().unwrap();
        self.made.load(std::sync::atomic::Ordering::Relaxed)
    }
}

fn churn(
    hosts: &[u8],
    at_once: usize,
    to: SocketAddrV4,
    made: &std::sync::atomic::AtomicU64,
    stop: &Receiver<()>,
) {
    use std::sync::mpsc::TryRecvError;
    let mut hosts = hosts.iter().cycle();
    let mut begin_next = || begin(*hosts.next().unwrap(), to);
    let mut under_way: Vec<_> = (0..at_once).map(|_| begin_next()).collect();
    while stop.try_recv() != Err(TryRecvError::Disconnected) {
        let mut ready: Vec<_> =
            under_way.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLOUT)).collect();
        poll(&mut ready, PollTimeout::from(100_u16)).unwrap();
        let ready: Vec<_> =
            ready.iter().map(|fd| fd.revents().is_some_and(|events| !events.is_empty())).collect();
        for (fd, _) in under_way.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            let connected = getsockopt(fd, sockopt::SocketError).unwrap() == 0;
            let ended = std::mem::replace(fd, begin_next());
            if connected {
                made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                reset([TcpStream::from(ended)]);
            }
        }
    }
}
