//! From a question to an answer: which server is asked, how long it may take, and how often (c-ares' `ares_process.c`).

use core::net::SocketAddr;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use secure_exec_kernel::Errno;

use super::channel::Channel;
use super::message::{Answer, Query, Reading};
use super::status::{Failure, Status};
use super::tcp;
use crate::threads::sleep::Sleep;

/// Asks the servers of a channel until one answers.
///
/// # Errors
/// - `EACCES`: there is no server within the machine.
/// - `ETIMEOUT`, `ECONNREFUSED`, `EBADRESP`: how the last one failed.
pub async fn ask(channel: Rc<Channel>, query: Query) -> Result<Answer, Failure> {
    let query = Rc::new(query);
    let servers = channel.servers();
    let mut reachable = servers.clone();
    let most = servers.len().saturating_mul(channel.tries());
    let mut failure = Failure::System(Errno::EACCES);
    let mut over_tcp = false;
    let mut tried = 0;
    while tried < most {
        let Some(server) = channel.best(&reachable) else {
            break;
        };
        let longest = channel.timeout(tried / servers.len());
        let result = if over_tcp {
            within(longest, ask_over_tcp(&channel, server, &query)).await
        } else {
            within(longest, ask_over_udp(&channel, server, &query)).await
        };
        failure = match result {
            Ok(Reading::Answer(answer)) => {
                channel.note_success(server);
                return Ok(answer);
            }
            Ok(Reading::Truncated) => {
                over_tcp = true;
                continue;
            }
            Ok(Reading::Malformed | Reading::Foreign) => Status::EBADRESP.into(),
            Err(Attempt::Failed(failure)) => failure,
            Err(Attempt::Impossible(failure)) => {
                reachable.retain(|known| *known != server);
                failure
            }
        };
        channel.note_failure(server);
        tried += 1;
    }
    Err(channel.explain(failure))
}

/// Why there is no answer this time.
enum Attempt {
    Failed(Failure),
    /// And there will be none from this server.
    Impossible(Failure),
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Attempt {
        match failure {
            Failure::System(_) => Attempt::Impossible(failure),
            Failure::Status(_) => Attempt::Failed(failure),
        }
    }
}

async fn ask_over_udp(
    channel: &Channel,
    server: SocketAddr,
    query: &Rc<Query>,
) -> Result<Reading, Attempt> {
    let connection = channel.connection(server).map_err(|errno| {
        Attempt::Impossible(match errno {
            Errno::EACCES => Failure::System(errno),
            _ => Status::ECONNREFUSED.into(),
        })
    })?;
    let waiting = connection.ask(query)?;
    // What waits keeps the connection.
    drop(connection);
    Ok(waiting.await?)
}

async fn ask_over_tcp(
    channel: &Channel,
    server: SocketAddr,
    query: &Rc<Query>,
) -> Result<Reading, Attempt> {
    let process = channel
        .process()
        .ok_or(Attempt::Impossible(Failure::System(Errno::ESRCH)))?;
    let local = channel.local(server);
    Ok(tcp::ask(process, (server, local), query).await?)
}

/// What `future` gives, or `ETIMEOUT` if that takes longer than `longest`.
async fn within(
    longest: Duration,
    future: impl Future<Output = Result<Reading, Attempt>>,
) -> Result<Reading, Attempt> {
    let (mut future, mut sleep) = (pin!(future), pin!(Sleep::new(longest)));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => sleep
            .as_mut()
            .poll(cx)
            .map(|()| Err(Attempt::Failed(Status::ETIMEOUT.into()))),
    })
    .await
}
