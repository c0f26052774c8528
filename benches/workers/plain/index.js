// The gateway's work as one would write it in JavaScript, with the same table of routes: token to route, model from the
// request, aliases, keys in turn until one serves, only the headers that may pass, a line of log, and streams that tell when
// they broke. Nothing that the gateway does beyond that: no reading of failures, no rests, no timeouts, no scrubbing.

let table;

function routes(env) {
  table ??= new Map(JSON.parse(env.GATEWAY_ROUTES).map((route) => [route.token, route]));
  return table;
}

const SENT = ["accept", "content-type", "user-agent", "openai-beta", "idempotency-key"];
const DROPPED = ["set-cookie", "server", "alt-svc", "strict-transport-security", "connection", "transfer-encoding"];

function failure(status, message, code) {
  return Response.json({ error: { message, type: "invalid_request_error", param: null, code } }, { status });
}

function token(headers) {
  return headers.get("x-api-key") ?? headers.get("authorization")?.replace(/^bearer /i, "");
}

// What the upstream is sent of the client's headers.
function outgoing(headers, key, id) {
  const sent = new Headers({ authorization: `Bearer ${key}`, "accept-encoding": "identity", "x-request-id": id });
  for (const [name, value] of headers) {
    if (SENT.includes(name) || name.startsWith("x-stainless-")) sent.set(name, value);
  }
  return sent;
}

// What the client is sent of the upstream's.
function incoming(headers, id, attempts) {
  const kept = new Headers({
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "x-request-id, retry-after, x-gateway-attempts",
    "x-gateway-attempts": String(attempts),
  });
  for (const [name, value] of headers) {
    if (name === "x-request-id") kept.set("x-upstream-request-id", value);
    else if (!DROPPED.includes(name) && !name.startsWith("cf-")) kept.set(name, value);
  }
  kept.set("x-request-id", id);
  return kept;
}

// Moves a stream, and ends it with an error where it broke. The runtime's own pump: no piece passes through JavaScript.
async function pump(from, writable) {
  try {
    await from.pipeTo(writable, { preventClose: true, preventAbort: true });
    await writable.close();
  } catch {
    const writer = writable.getWriter();
    const words = { error: { message: "The stream broke.", type: "upstream_error", param: null, code: "upstream_stream_truncated" } };
    await writer.write(new TextEncoder().encode(`\n\ndata: ${JSON.stringify(words)}\n\n`));
    await writer.close();
  }
}

function log(entry, started, status, attempts) {
  console.log(JSON.stringify({ ...entry, status, attempts, total_ms: Date.now() - started }));
}

export default {
  async fetch(request, env, context) {
    const started = Date.now();
    const id = request.headers.get("x-request-id") ?? crypto.randomUUID();
    const route = routes(env).get(token(request.headers));
    if (!route) return failure(401, "Unknown token.", "invalid_api_key");
    let body;
    try {
      body = JSON.parse(await request.text());
    } catch {
      return failure(400, "The body is not JSON.", "invalid_json");
    }
    body.model = route.aliases[body.model] ?? body.model;
    const text = JSON.stringify(body);
    const entry = { request_id: id, route: route.name, model: body.model, stream: !!body.stream };

    for (const [number, key] of route.api_keys.entries()) {
      const upstream = await fetch(`${route.base_url}/chat/completions`, {
        method: "POST",
        headers: outgoing(request.headers, key, id),
        body: text,
        redirect: "manual",
        signal: request.signal,
      });
      const failed = upstream.status === 401 || upstream.status === 403 || upstream.status === 429 || upstream.status >= 500;
      if (failed && number + 1 < route.api_keys.length) continue;
      const head = { status: upstream.status, headers: incoming(upstream.headers, id, number + 1) };
      if (!upstream.headers.get("content-type")?.startsWith("text/event-stream")) {
        log(entry, started, upstream.status, number + 1);
        return new Response(upstream.body, head);
      }
      const { readable, writable } = new IdentityTransformStream();
      context.waitUntil(pump(upstream.body, writable).finally(() => log(entry, started, upstream.status, number + 1)));
      return new Response(readable, head);
    }
    return failure(503, "There is no key.", "no_key_available");
  },
};
