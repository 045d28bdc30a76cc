//! A line that fails: bytes are carried between a client and a real listener, and cut, delayed or kept
//! back as a test says. What it does with a byte depends on nothing but what was said and the count.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::time::Instant;

/// Bytes carried at once: some packets.
const CHUNK: usize = 1400;

/// Longest wait for bytes before it is looked whether the line still stands.
const LOOK: Duration = Duration::from_millis(50);

/// What the line does now.
#[derive(Debug, Default)]
struct Weather {
    to: Mutex<Option<SocketAddr>>,
    down: AtomicBool,
    /// Each connection is cut after so many bytes, both ways together; 0: never.
    cut_after: AtomicU64,
    delay_ms: AtomicU64,
    /// Bits a second of each connection and direction; 0: as fast as it goes.
    speed: AtomicU64,
    carried: AtomicU64,
    cuts: AtomicU64,
    ended: AtomicBool,
}

/// A line between clients and one listener. Dropped, it is down for good.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: Arc<Weather>,
}

impl Proxy {
    /// A line to a listener, on a free port of loopback.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    #[track_caller]
    pub fn start(to: SocketAddr) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST, to)
    }

    /// The same on another address of loopback.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    #[track_caller]
    pub fn start_at(at: Ipv4Addr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind((at, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let weather = Arc::<Weather>::default();
        let seen = Arc::clone(&weather);
        thread::spawn(move || accept(&listener, &seen));
        let proxy = Self { address, weather };
        proxy.aim(to);
        proxy
    }

    /// Leads to another listener from the next connection on, as after a start on another port.
    ///
    /// # Panics
    /// When a thread that carries bytes did.
    pub fn aim(&self, to: SocketAddr) {
        *self.weather.to.lock().unwrap() = Some(to);
    }

    /// Where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the line down, connections that stand included, or up again.
    pub fn set_down(&self, down: bool) {
        self.weather.down.store(down, Ordering::SeqCst);
    }

    /// Cuts every connection after so many bytes; 0: no more.
    pub fn cut_after(&self, bytes: u64) {
        self.weather.cut_after.store(bytes, Ordering::SeqCst);
    }

    /// Delays every chunk.
    pub fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.weather.delay_ms.store(millis, Ordering::SeqCst);
    }

    /// Carries so many bits a second, each way; 0: as fast as it goes.
    pub fn speed(&self, bits_a_second: u64) {
        self.weather.speed.store(bits_a_second, Ordering::SeqCst);
    }

    /// Bytes carried so far, and connections that were cut.
    #[must_use]
    pub fn figures(&self) -> (u64, u64) {
        let read = |figure: &AtomicU64| figure.load(Ordering::SeqCst);
        (read(&self.weather.carried), read(&self.weather.cuts))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.weather.ended.store(true, Ordering::SeqCst);
    }
}

fn accept(listener: &TcpListener, weather: &Arc<Weather>) {
    while !weather.ended.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((client, _)) if weather.down.load(Ordering::SeqCst) => drop(client),
            Ok((client, _)) => {
                let to = *weather.to.lock().unwrap();
                // A listener that is away is a line that is down.
                if let Some(Ok(server)) = to.map(TcpStream::connect) {
                    connect(&client, &server, weather);
                }
            }
            Err(_) => thread::park_timeout(LOOK),
        }
    }
}

fn connect(client: &TcpStream, server: &TcpStream, weather: &Arc<Weather>) {
    let budget = Arc::new(AtomicU64::new(0));
    for (from, into) in [(client, server), (server, client)] {
        let (Ok(from), Ok(into)) = (from.try_clone(), into.try_clone()) else { return };
        let (weather, budget) = (Arc::clone(weather), Arc::clone(&budget));
        thread::spawn(move || {
            // However it ends, both ends learn of it.
            if carry(&from, &into, &weather, &budget).is_err() {
                weather.cuts.fetch_add(1, Ordering::SeqCst);
            }
            for stream in [&from, &into] {
                drop(stream.shutdown(Shutdown::Both));
            }
        });
    }
}

/// Carries bytes one way until the sender is done; an error is a cut.
fn carry(
    mut from: &TcpStream,
    mut into: &TcpStream,
    weather: &Weather,
    carried: &AtomicU64,
) -> io::Result<()> {
    from.set_nonblocking(false)?;
    from.set_read_timeout(Some(LOOK))?;
    into.set_nodelay(true)?;
    let mut chunk = [0; CHUNK];
    loop {
        if weather.ended.load(Ordering::SeqCst) || weather.down.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let length = match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if waits(&error) => continue,
            Err(error) => return Err(error),
        };
        let bytes = u64::try_from(length).unwrap_or(0);
        hold(weather, bytes);
        let limit = weather.cut_after.load(Ordering::SeqCst);
        let before = carried.fetch_add(bytes, Ordering::SeqCst);
        let left = usize::try_from(limit.saturating_sub(before)).unwrap_or(usize::MAX);
        let goes = if limit == 0 { length } else { length.min(left) };
        into.write_all(chunk.get(..goes).unwrap_or_default())?;
        weather.carried.fetch_add(u64::try_from(goes).unwrap_or(0), Ordering::SeqCst);
        if goes < length {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Keeps a chunk back as long as the line takes for it.
fn hold(weather: &Weather, bytes: u64) {
    let speed = weather.speed.load(Ordering::SeqCst);
    let travel = (bytes * 8000).checked_div(speed).unwrap_or(0);
    let wait = Duration::from_millis(travel + weather.delay_ms.load(Ordering::SeqCst));
    let began = Instant::now();
    while began.elapsed() < wait && !weather.ended.load(Ordering::SeqCst) {
        thread::park_timeout(wait.saturating_sub(began.elapsed()));
    }
}
