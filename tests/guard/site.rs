//! Three network namespaces: `inside`, the router, `outside`.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Inside hosts: 10.0.0.2 and following.
pub(crate) const HOSTS: u8 = 13;

/// The server outside.
pub(crate) const SERVER: [u8; 4] = [203, 0, 113, 10];

/// Enough for the ends of 10,100 connections on one side.
const DESCRIPTORS: u64 = 12_000;

/// Ends of entries are told soon: what conntrack waits before it forgets, in seconds.
const TIMEOUTS: [(&str, &str); 8] = [
    ("tcp_timeout_close", "1"),
    ("tcp_timeout_time_wait", "1"),
    ("tcp_timeout_last_ack", "1"),
    ("tcp_timeout_fin_wait", "2"),
    ("tcp_timeout_close_wait", "2"),
    ("udp_timeout", "2"),
    ("udp_timeout_stream", "2"),
    ("icmp_timeout", "1"),
];

/// One test at a time: a machine of two cores has no more to give.
static ONE: Mutex<()> = Mutex::new(());

/// The namespaces, until it is dropped.
pub(crate) struct Site {
    name: String,
    _one: MutexGuard<'static, ()>,
}

/// What is missing to run these tests, where something is.
pub(crate) fn missing() -> Option<String> {
    let me = fs::metadata("/proc/self").map(|me| me.uid());
    if me.ok() != Some(0) {
        return Some("root".to_owned());
    }
    for program in ["ip", "iptables", "ip6tables", "conntrack", "curl", "dig", "nginx", "ping"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        if !found.is_ok_and(|found| found.status.success()) {
            return Some(format!("the program {program}"));
        }
    }
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if most < DESCRIPTORS {
        return Some(format!("{DESCRIPTORS} open files (ulimit -n)"));
    }
    let name = format!("tgt{}", std::process::id());
    let tried = Command::new("ip").args(["netns", "add", &name]).output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        return Some("the right to make network namespaces".to_owned());
    }
    let rule = "-w -t security -A FORWARD -m conntrack --ctstate NEW -j NFQUEUE --queue-num 0";
    let found = ["iptables", "ip6tables"].into_iter().find(|iptables| {
        let mut tried = Command::new("ip");
        tried.args(["netns", "exec", &name, iptables]).args(rule.split(' '));
        !tried.output().is_ok_and(|tried| tried.status.success())
    });
    drop(Command::new("ip").args(["netns", "del", &name]).output());
    found.map(|iptables| format!("a kernel where {iptables} has NFQUEUE and conntrack"))
}

impl Site {
    /// The namespaces; none, with a word why, where they cannot be.
    pub(crate) fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static MISSING: OnceLock<Option<String>> = OnceLock::new();
        if let Some(missing) = MISSING.get_or_init(missing) {
            // Past the harness, which shows nothing of what a test prints that passes.
            let word = format!("skipped: it needs {missing}\n");
            std::io::stderr().write_all(word.as_bytes()).unwrap();
            let must_run = std::env::var_os("TOLLGATE_GUARD_MUST_RUN").is_some();
            assert!(!must_run, "it needs {missing}");
            return None;
        }
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let site = Self { name: format!("tg{}x{number}", std::process::id()), _one: one };
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
        site.build();
        Some(site)
    }

    fn build(&self) {
        for place in [Place::Inside, Place::Router, Place::Outside] {
            ip(&["netns", "add", &self.namespace(place)]);
            self.run(place, "ip link set lo up");
        }
        for (place, far, near) in [(Place::Inside, "i0", "in"), (Place::Outside, "o0", "out")] {
            let (far_space, router) = (self.namespace(place), self.namespace(Place::Router));
            let peer = ["type", "veth", "peer", "name", near, "netns", &router];
            ip(&[&["link", "add", far, "netns", &far_space][..], &peer].concat());
            self.run(Place::Router, &format!("ip link set {near} up"));
            self.run(place, &format!("ip link set {far} up"));
            // No packets but those of the tests.
            for (space, link) in [(place, far), (Place::Router, near)] {
                self.run(space, &format!("ip link set {link} addrgenmode none"));
            }
        }
        let nodad = "preferred_lft forever nodad";
        for host in 2..2 + HOSTS {
            self.run(Place::Inside, &format!("ip addr add 10.0.0.{host}/24 dev i0"));
        }
        self.run(Place::Inside, &format!("ip addr add fd00::2/64 dev i0 {nodad}"));
        self.run(Place::Router, "ip addr add 10.0.0.1/24 dev in");
        self.run(Place::Router, &format!("ip addr add fd00::1/64 dev in {nodad}"));
        self.run(Place::Router, "ip addr add 203.0.113.1/24 dev out");
        self.run(Place::Router, &format!("ip addr add 2001:db8::1/64 dev out {nodad}"));
        self.run(Place::Outside, "ip addr add 203.0.113.10/24 dev o0");
        self.run(Place::Outside, &format!("ip addr add 2001:db8::10/64 dev o0 {nodad}"));
        self.run(Place::Inside, "ip route add default via 10.0.0.1");
        self.run(Place::Inside, "ip route add default via fd00::1");
        self.run(Place::Outside, "ip route add default via 203.0.113.1");
        self.run(Place::Outside, "ip route add default via 2001:db8::1");
        for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            self.set(Place::Router, key, "1");
        }
        for place in [Place::Inside, Place::Outside] {
            self.set(place, "net.ipv4.ip_local_port_range", "1024 65535");
        }
        // A rule that needs it makes conntrack begin to track.
        self.run(Place::Router, "iptables -w -A INPUT -m conntrack --ctstate NEW -j ACCEPT");
        for (key, seconds) in TIMEOUTS {
            self.set(Place::Router, &format!("net.netfilter.nf_conntrack_{key}"), seconds);
        }
    }

    /// The name of a namespace.
    pub(crate) fn namespace(&self, place: Place) -> String {
        format!("{}{}", self.name, place.letter())
    }

    /// Sets a sysctl in a namespace.
    pub(crate) fn set(&self, place: Place, key: &str, value: &str) {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        let value = value.to_owned();
        self.enter(place, move || {
            fs::write(&path, value).unwrap_or_else(|e| panic!("{path}: {e}"));
        });
    }

    /// Runs a command in a namespace and returns what it wrote; it has to succeed.
    #[track_caller]
    pub(crate) fn run(&self, place: Place, command: &str) -> String {
        let output = self.attempt(place, command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{command}` in {place:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a command in a namespace, however it ends.
    pub(crate) fn attempt(&self, place: Place, command: &str) -> Output {
        let mut words = command.split(' ');
        self.command(place, words.next().unwrap()).args(words).output().expect("ip runs")
    }

    /// A command to run in a namespace.
    pub(crate) fn command(&self, place: Place, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(place), program]);
        command
    }

    /// Runs `f` on a thread that is in a namespace; sockets that it makes stay there.
    pub(crate) fn enter<T: Send>(&self, place: Place, f: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.namespace(place));
        thread::scope(|scope| {
            let entered = scope.spawn(|| {
                enter(&path);
                f()
            });
            entered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs `f` on a thread of its own that is in a namespace.
    pub(crate) fn spawn(
        &self,
        place: Place,
        f: impl FnOnce() + Send + 'static,
    ) -> thread::JoinHandle<()> {
        let path = format!("/run/netns/{}", self.namespace(place));
        thread::spawn(move || {
            enter(&path);
            f();
        })
    }

    /// Waits until the router's conntrack has this many connections, and no more that are over.
    #[track_caller]
    pub(crate) fn wait_for_entries(&self, count: usize) {
        for _ in 0..200 {
            // Whoever lists them makes conntrack forget what is over.
            if self.run(Place::Router, "conntrack -L").lines().count() == count {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{} entries, not {count}", self.entries());
    }

    /// How many connections the router's conntrack has.
    pub(crate) fn entries(&self) -> usize {
        self.run(Place::Router, "conntrack -C").trim().parse().unwrap()
    }
}

/// Brings the calling thread into the namespace at `path`. `/proc/sys/net` is the thread's own.
fn enter(path: &str) {
    let namespace = File::open(path).expect("a namespace");
    setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may");
}

impl Drop for Site {
    fn drop(&mut self) {
        for place in [Place::Inside, Place::Router, Place::Outside] {
            drop(Command::new("ip").args(["netns", "del", &self.namespace(place)]).output());
        }
    }
}

/// Which of the namespaces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Inside,
    Router,
    Outside,
}

impl Place {
    const fn letter(self) -> char {
        match self {
            Self::Inside => 'i',
            Self::Router => 'r',
            Self::Outside => 'o',
        }
    }
}

#[track_caller]
fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output().expect("ip runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {words:?}: {said}");
}
