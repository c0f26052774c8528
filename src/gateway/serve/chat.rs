//! `POST /v1/chat/completions`, `POST /v1/embeddings`, `POST /chat` and `POST /v1beta/models/{model}:generateContent`: JSON for a model.

use http::{HeaderValue, Response, header};

use crate::dialect::api::google::ModelMethod;
use crate::dialect::formats::{OPENAI, RESPONSES};
use crate::dialect::neutral::Format;
use crate::dialect::simple_chat;
use crate::dialect::wire::find::contains;
use crate::dialect::wire::members::Members;
use crate::dialect::wire::patch::Peek;
use crate::error::{Error, Kind};
use crate::gateway::admit::{admit, hold};
use crate::gateway::call::body::Incoming;
use crate::gateway::call::endpoint::Family;
use crate::gateway::call::{ClientRequest, Content};
use crate::gateway::record::Record;
use crate::gateway::reply::Body;
use crate::gateway::upstream::Upstreams;
use crate::platform::Platform;

/// Answers a request whose body has to be read whole.
pub(crate) async fn serve<P: Platform>(
    upstreams: &Upstreams<'_, P>,
    mut request: ClientRequest<'_>,
    mut incoming: Incoming<'_, P>,
    record: &mut Record,
) -> Result<Response<Body<P::Stream>>, Error> {
    let is_simple = matches!(request.endpoint.family, Family::SimpleChat);
    let body = incoming.json().await?;
    request.body = if is_simple {
        simple_chat::request(&body)?.into()
    } else {
        body
    };
    request.content = match &request.endpoint.family {
        Family::Generate { model, method } => {
            (_, request.signs) = Members::seeing(&request.body, request.signs_wanted())?;
            Content::InPath {
                model: model.clone(),
                stream: *method == ModelMethod::Stream,
                is_array: request.endpoint.streams_array(),
            }
        }
        family => {
            let (members, signs) = Members::seeing(&request.body, request.signs_wanted())?;
            request.signs = signs;
            if *family == Family::ChatCompletions {
                request.misplaced = misplaced(&members);
            }
            Content::Json(Peek::of(&members, &request.body)?)
        }
    };
    record.stream = request.streams();
    let admitted = admit(upstreams.config, &request)?;
    hold(upstreams.counted_with(), &request, record).await?;
    let response = upstreams.forward(admitted, None, record).await?;
    if is_simple {
        simple_reply(response, &request)
    } else {
        Ok(response)
    }
}

/// Returns the dialect by which a body at Chat Completions has to be read, where that is not the body's place: Cursor sends whole bodies of
/// Responses there (`input`), and tools as Responses has them, without a `function` around each. It reads the answers of Chat Completions.
fn misplaced(members: &Members<'_>) -> Option<&'static Format> {
    if members.last("messages").is_none() {
        return members.last("input").map(|_| RESPONSES);
    }
    // The name of a member in one, the value of `type` in both.
    let tools = members.last("tools")?.as_bytes();
    let is_flat = !contains(tools, "\"function\":") && contains(tools, "\"function\"");
    is_flat.then_some(OPENAI)
}

/// Returns the answer of `POST /chat`, made of that of Chat Completions. Streams and errors stay as they are.
fn simple_reply<S>(response: Response<Body<S>>, request: &ClientRequest<'_>) -> Result<Response<Body<S>>, Error> {
    let (mut head, body) = response.into_parts();
    if !head.status.is_success() || request.streams() {
        return Ok(Response::from_parts(head, body));
    }
    let reply = match &body {
        Body::Full(answer) => simple_chat::reply(answer, &request.request_id),
        _ => None,
    };
    let reply = reply.ok_or_else(|| {
        Error::new(
            Kind::UpstreamInvalidResponse,
            "The upstream's answer holds no reply; try another model or POST /v1/chat/completions.",
        )
    })?;
    head.headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Response::from_parts(head, Body::Full(reply.into())))
}
