//! A network of limited speed: what each broker sends goes through one queue of the kernel's at a set rate, as through the
//! network card of a small machine.
//!
//! The test runs in a network namespace of its own, whose loopback interface is shaped (HTB): nothing else on the machine is
//! touched, and all of it is gone with the last process in it. Connections take turns, as under Linux' usual queueing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::PoisonError;

use super::{Lab, TURN, host_of, jars::Jars};

/// Set in the process that runs inside.
const INSIDE: &str = "EVENKEEL_TEST_NETWORK";

/// Connections share a broker's rate through so many queues, by the port at the other end: so many that two seldom meet in
/// one, where they are not treated alike. Linux gives even ports to those who connect, so that the last bit tells nothing.
const QUEUES: u32 = 64;

/// The least that HTB lets through at once: packets of the loopback interface have up to 64 kB.
const BURST: &str = "burst 128k cburst 128k quantum 65536";

/// Runs a test once more, in a process of its own in a network of its own. Returns whether this is that process; the outer one
/// has nothing left to do. Needs what makes namespaces; where the machine lets nobody make one, the test fails and says so.
pub fn is_inside(test: &str, version: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        // Loopback's 64 kB packets are as large as Kafka's send buffers, which would then wait for delayed acknowledgements.
        let words = ["link", "set", "lo", "mtu", "1500", "up"];
        let up = Command::new("ip").args(words).status().expect("ip starts");
        assert!(up.success(), "the loopback interface stays down");
        return true;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Inside there is no way to where they come from.
    drop(Jars::fetch(version).tools());
    let program = std::env::current_exe().expect("a test has a program");
    let status = Command::new("unshare")
        .args(["--net", "--map-root-user", "--kill-child", "--fork", "--"])
        .arg(program)
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare starts");
    assert!(status.success(), "{test} in a network of its own (it needs network namespaces): {status}");
    false
}

/// The shaped network cards of a lab's brokers.
pub struct Shape {
    cards: BTreeMap<i32, u32>,
}

impl Lab {
    /// Lets every broker send so many bytes per second at most, to whomever. Only for tests that run [`is_inside`].
    pub fn shape(&self, rate_bytes_per_s: u64) -> Shape {
        let mut orders = "qdisc add dev lo root handle 1: htb default ffff r2q 100\n\
                          class add dev lo parent 1: classid 1:ffff htb rate 50gbit quantum 200000\n"
            .to_owned();
        let mut cards = BTreeMap::new();
        for id in self.running() {
            let card = u32::from(host_of(id)) * 0x100;
            shape_card(&mut orders, card, self.net.host(host_of(id)), rate_bytes_per_s);
            cards.insert(id, card);
        }
        let mut tc =
            Command::new("tc").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().expect("tc starts");
        tc.stdin.take().expect("a pipe").write_all(orders.as_bytes()).expect("tc reads");
        assert!(tc.wait().expect("tc ends").success(), "the network cannot be shaped");
        Shape { cards }
    }
}

fn shape_card(orders: &mut String, card: u32, host: Ipv4Addr, rate_bytes_per_s: u64) {
    let rate = rate_bytes_per_s * 8;
    let share = rate / u64::from(QUEUES);
    writeln!(
        orders,
        "class add dev lo parent 1: classid 1:{card:x} htb rate {rate}bit ceil {rate}bit {BURST}\n\
         filter add dev lo parent 1: protocol ip prio 1 u32 match ip src {host}/32 flowid 1:{card:x}"
    )
    .expect("text");
    for queue in 0..QUEUES {
        let class = card + 1 + queue;
        writeln!(
            orders,
            "class add dev lo parent 1:{card:x} classid 1:{class:x} htb rate {share}bit ceil {rate}bit {BURST}\n\
             filter add dev lo parent 1:{card:x} protocol ip prio 1 u32 \
             match ip dport {} {:#x} flowid 1:{class:x}",
            queue * 2,
            (QUEUES - 1) * 2
        )
        .expect("text");
    }
}

impl Shape {
    /// What each broker has sent, in bytes on the wire, acknowledgements included.
    pub fn sent_bytes(&self) -> BTreeMap<i32, u64> {
        let output =
            Command::new("tc").args(["-s", "class", "show", "dev", "lo"]).output().expect("tc starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut classes = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(class) = line.strip_prefix("class htb 1:").and_then(|rest| rest.split(' ').next())
            else {
                continue;
            };
            let sent = lines.next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
            let class = u32::from_str_radix(class, 16).expect("classes are numbers");
            classes.insert(class, sent.unwrap_or_else(|| panic!("tc says {text}")));
        }
        self.cards.iter().map(|(id, card)| (*id, classes[card])).collect()
    }
}
