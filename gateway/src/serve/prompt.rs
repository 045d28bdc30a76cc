//! A client that has not begun to speak in time is cut (ATTACKS A5). The server's own limit for a request head
//! runs only once it knows which HTTP is spoken, which takes the bytes of a preface: whoever sent fewer
//! held one of the listener's places for ever.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Bytes by which the versions are told from each other: the preface of HTTP/2 (RFC 9113, 3.4). No request
/// of HTTP/1.1, which has a host, is shorter.
const PREFACE: usize = 24;

/// A connection that must begin to speak in time.
pub(super) struct Prompt<C> {
    connection: C,
    waiting: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<C> Prompt<C> {
    pub(super) fn new(connection: C, time: Duration) -> Self {
        Self { connection, waiting: Some((Box::pin(sleep(time)), 0)) }
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Prompt<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.connection).poll_read(cx, buffer);
        let Some((due, heard)) = &mut self.waiting else { return read };
        if read.is_pending() {
            ready!(due.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        *heard = heard.saturating_add(buffer.filled().len().saturating_sub(before));
        if *heard >= PREFACE {
            self.waiting = None;
        }
        read
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Prompt<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, pieces)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const TIME: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn who_says_less_than_a_preface_in_time_is_cut_and_who_says_one_is_not() {
        for (said, cut) in [(0, true), (1, true), (PREFACE - 1, true), (PREFACE, false)] {
            let (mut client, server) = duplex(1024);
            client.write_all(&vec![b'P'; said]).await.unwrap();
            let mut server = Prompt::new(server, TIME);
            let mut bytes = vec![0; PREFACE + 1];
            let began = tokio::time::Instant::now();
            let heard = tokio::time::timeout(TIME * 3, server.read_exact(&mut bytes)).await;
            match heard {
                Ok(heard) => {
                    assert!(cut, "{said}");
                    assert_eq!(heard.unwrap_err().kind(), io::ErrorKind::TimedOut);
                    assert_eq!(began.elapsed(), TIME);
                }
                Err(_still_waits) => assert!(!cut, "{said}"),
            }
        }
    }
}
