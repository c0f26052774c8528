//! The way to upstreams: HTTP/1.1 and HTTP/2, over connections that are used again, directly or through a proxy.
//!
//! [`Client::send`] is the whole of it. A request goes over a connection that waits in the pool where it can be sent
//! again, because such a connection may be closing at that moment; otherwise over one of its own.

mod body;
mod connect;
mod connection;
#[cfg(test)]
mod differential;
mod fault;
mod http1;
mod http2;
mod pool;
mod roots;
#[cfg(test)]
mod stress;
mod upload;
mod verifier;

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode, Uri, header, request};

pub(super) use self::body::FromUpstream;
use self::connect::{Connector, has_run_out, no_proxies, proxies};
pub(super) use self::connection::Io;
pub(super) use self::fault::broken;
use self::fault::cause;
use self::http1::Answer;
use self::pool::{Pool, Ready};
use self::roots::Roots;
use self::upload::Upload;
use super::boxed::boxed;
use super::from_client::FromClient;
use super::sending::Frames;
use crate::config::Variables;
use crate::platform::{Fault, Limits, Payload};

/// An HTTP client with a pool of connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    connector: Connector,
    pool: Arc<Pool>,
}

impl Client {
    /// Returns a client as the environment describes it, with its proxies, and with the certificates of `SSL_CERT_FILE` beside
    /// the Mozilla roots; and a line for the operator about those certificates, if there are any.
    ///
    /// # Errors
    /// If that file cannot be used; the text is for the operator.
    pub(super) fn of_environment(variables: &Variables) -> Result<(Self, Option<String>), String> {
        let roots = Roots::named(variables)?;
        let note = roots.summary();
        let connector = Connector::new(roots.certificates, proxies(variables))?;
        Ok((Self::new(connector), note))
    }

    /// A client that goes through no proxy, whatever the environment says. It trusts the certificates of `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// If that file cannot be used; the text is for the operator.
    pub(super) fn without_proxies(variables: &Variables) -> Result<Self, String> {
        let roots = Roots::named(variables)?;
        Ok(Self::new(Connector::new(roots.certificates, no_proxies())?))
    }

    fn new(connector: Connector) -> Self {
        Self {
            connector,
            pool: Arc::default(),
        }
    }

    /// Drops connections that nobody uses, again and again. Never returns.
    pub(super) async fn keep_clean(self) {
        self.pool.keep_clean().await;
    }

    /// Sends a request and returns when the head of its answer is there. Dropping the future, or the body of the answer, ends
    /// the request upstream.
    ///
    /// # Errors
    /// As [`Platform::fetch`](crate::platform::Platform::fetch).
    pub(super) async fn send(
        &self,
        request: Request<Payload<FromClient>>,
        limits: Limits,
    ) -> Result<Response<FromUpstream>, Fault> {
        let (head, payload) = request.into_parts();
        let (body, progress) = Upload::new(payload);
        let answer = self.exchange(head, body, &limits);
        let Some(progress) = progress else {
            return answer.await;
        };
        let answer = tokio::select! {
            answer = answer => answer,
            () = progress.stalled(&limits) => Err(Fault::Timeout),
        };
        match answer {
            Err(Fault::Timeout) if progress.waits_for_client() => Err(Fault::Client),
            Err(_) if progress.client_broke() => Err(Fault::Client),
            answer => answer,
        }
    }

    /// Sends a request over a connection that waits, or over a new one.
    async fn exchange(
        &self,
        mut head: request::Parts,
        mut body: Upload,
        limits: &Limits,
    ) -> Result<Response<FromUpstream>, Fault> {
        let nowhere = || Fault::Connect("the address names no host".into());
        let host = self.pool.per_host(&head.uri).ok_or_else(nowhere)?;
        if let Some(credentials) = self.connector.credentials(&head.uri) {
            head.headers.insert(header::PROXY_AUTHORIZATION, credentials);
        }
        // A WebSocket begins in HTTP/1.1 and takes its connection with it.
        let upgrades = head.headers.contains_key(header::UPGRADE);
        // Any other connection may be closing while the request is on its way, and what cannot be sent again has to arrive.
        if let Some(again) = body.again()
            && !(upgrades || limits.fresh)
        {
            match host.take(limits.streams) {
                Some(Ready::Http1(io)) => match http1::send(io, &head, body, &host).await {
                    Ok(answer) => return self.unless_of_proxy(answer, &head.uri),
                    Err(broken) if broken.unanswered => {}
                    Err(broken) => return Err(fault::broken(&broken.error)),
                },
                Some(Ready::Http2(shared)) => {
                    if let Some(answer) = boxed(|| http2::send_shared(shared, &head, body)).await? {
                        return Ok(answer);
                    }
                }
                None => {}
            }
            body = again;
        }
        // Boxed, as what follows: most requests need no new connection, and all would have to have room for one.
        let io = boxed(|| self.connect(&head.uri, upgrades, limits.connect)).await?;
        if io.speaks_http2() {
            let request = Request::from_parts(head, Frames(body));
            return boxed(|| http2::send_first(io, request, &host, limits.streams)).await;
        }
        let answer = http1::send(io, &head, body, &host).await;
        self.unless_of_proxy(answer.map_err(|broken| fault::broken(&broken.error))?, &head.uri)
    }

    /// Opens a connection. Where the process has no room for it, those on which no request is under way are closed.
    async fn connect(&self, uri: &Uri, only_http1: bool, within: Duration) -> Result<Io, Fault> {
        let mut may_make_room = true;
        let why = loop {
            match tokio::time::timeout(within, self.connector.connect(uri, only_http1)).await {
                Ok(Ok(io)) => return Ok(io),
                Ok(Err(error)) if has_run_out(&*error) => {
                    if !std::mem::take(&mut may_make_room) {
                        return Err(Fault::Exhausted(cause(&*error)));
                    }
                    self.pool.make_room();
                }
                Ok(Err(error)) => break cause(&*error),
                Err(_) => break format!("no connection within {} seconds", within.as_secs_f64()),
            }
        };
        Err(Fault::Connect(match self.connector.proxy_name(uri) {
            Some(proxy) => format!("through the proxy {proxy}: {why}"),
            None => why,
        }))
    }

    /// Returns an answer, unless it is a proxy's own: a client of the gateway has no credentials for a proxy.
    fn unless_of_proxy(&self, answer: Response<Answer>, uri: &Uri) -> Result<Response<FromUpstream>, Fault> {
        if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && let Some(proxy) = self.connector.proxy_name(uri)
        {
            let why = format!("the proxy {proxy} wants credentials, or others than it got (status 407)");
            return Err(Fault::Connect(why));
        }
        Ok(answer.map(FromUpstream::Http1))
    }
}
