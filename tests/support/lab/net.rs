//! Loopback addresses: each broker has one of its own, all with the same ports, as on a managed cluster.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// A block 127.A.B.0/24 that no other lab uses while this value lives.
pub struct Net {
    block: [u8; 2],
    /// Whoever holds this port holds the block.
    _reservation: TcpListener,
}

impl Net {
    /// Finds a free block.
    pub fn reserve() -> Self {
        for _ in 0..100 {
            let [a, b, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
            // 127.0.x.y holds what other programs like to use.
            let block = [a.clamp(1, 250), b];
            let host = |last| IpAddr::V4(Ipv4Addr::new(127, block[0], block[1], last));
            let Ok(reservation) = TcpListener::bind(SocketAddr::new(host(254), 9092)) else { continue };
            let is_free = |last, port| TcpListener::bind(SocketAddr::new(host(last), port)).is_ok();
            if (1..=20)
                .chain([super::CONTROLLER_HOST])
                .all(|last| super::PORTS.iter().all(|port| is_free(last, *port)))
            {
                return Self { block, _reservation: reservation };
            }
        }
        panic!("no free block of loopback addresses in 100 tries");
    }

    /// The address of a node.
    pub fn host(&self, node: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.block[0], self.block[1], node)
    }

    /// `host:port` of a node.
    pub fn address(&self, node: u8, port: u16) -> String {
        format!("{}:{port}", self.host(node))
    }
}
