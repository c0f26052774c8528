// What the gateway asks of its runtime. WebAssembly reaches JavaScript by crossings that each cost more than what is done in
// them, so one call does all that can be done at once. Headers cross as one text: a line for each name and each value.
// Whoever waits for something gives a number with it, and is told by that number.

let settled, received, failed;
let instances = 0;

// The last number of those that are no longer given: after a panic another instance takes over, and what the one before it
// waited for must not be taken for its own.
export function tell(onValue, onBytes, onFailure) {
  [settled, received, failed] = [onValue, onBytes, onFailure];
  return (instances++ % 16) << 28;
}

function wait(promise, number) {
  promise.then((value) => settled(number, value), (error) => failed(number, error));
}

function lines(headers) {
  let text = "";
  headers.forEach((value, name) => {
    text += `\n${name}\n${value}`;
  });
  return text;
}

function eachHeader(text, add) {
  const parts = text.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) add(parts[at], parts[at + 1]);
}

// Of memory that may move, in one copy; nothing of nothing.
function joined(...pieces) {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length === 0) return undefined;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export function requestHead(request) {
  return `${request.method}\n${request.url}${lines(request.headers)}`;
}

export function responseHead(response) {
  return `${response.status}${lines(response.headers)}`;
}

// A record costs a third of a list of pairs here. Values of one name are joined, as the runtime does when it sends them.
export function send(client, url, method, headers, first, second, third, stream, number) {
  const controller = new AbortController();
  client.addEventListener("abort", () => controller.abort());
  const record = {};
  eachHeader(headers, (name, value) => {
    record[name] = name in record ? `${record[name]}, ${value}` : value;
  });
  const body = stream ?? joined(first, second, third);
  wait(fetch(url, { method, headers: record, body, redirect: "manual", signal: controller.signal }), number);
  return controller;
}

export function answer(status, headers, bytes, stream, webSocket) {
  const body = stream ?? (bytes.length > 0 ? bytes.slice() : null);
  const response = new Response(body, { status, webSocket });
  const own = response.headers;
  eachHeader(headers, (name, value) => own.append(name, value));
  return response;
}

// All of the body of a request or response.
export function whole(message, number) {
  message.arrayBuffer().then((buffer) => received(number, new Uint8Array(buffer)), (error) => failed(number, error));
}

// A body that is read piece by piece, and the room that its pieces come into: without, they are small. What another Worker
// made of JavaScript takes none.
export function reading(body) {
  try {
    return { reader: body.getReader({ mode: "byob" }), room: new ArrayBuffer(65536) };
  } catch {
    return { reader: body.getReader() };
  }
}

// The next piece, nothing at the end.
export function read(source, number) {
  const { reader, room } = source;
  (room ? reader.read(new Uint8Array(room)) : reader.read()).then(
    ({ done, value }) => {
      if (done) return settled(number);
      if (room) source.room = value.buffer;
      received(number, value);
    },
    (error) => failed(number, error),
  );
}

export function stopReading({ reader }) {
  reader.releaseLock();
}

export function cancel({ reader }) {
  reader.cancel().catch(() => {});
}

export function pipe(length) {
  const { writable, readable } = length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
  return [writable, readable];
}

export function write(writer, bytes, number) {
  wait(writer.write(bytes.slice()), number);
}

export function close(writable, words, number) {
  const writer = writable.getWriter();
  if (words.length === 0) wait(writer.close(), number);
  else wait(writer.write(words.slice()).then(() => writer.close()), number);
}

// Moves everything without JavaScript in between. It reports a failure at either side, and closes `to` only where that
// is wanted, and only when all is well.
export function pump(from, to, closes, number) {
  wait(from.pipeTo(to, { preventClose: !closes, preventAbort: true }), number);
}

// Two of one: a stream, and the reading of the other.
export function tee(stream) {
  const [one, other] = stream.tee();
  return [one, reading(other)];
}

export function aborted(signal, number) {
  if (signal.aborted) settled(number);
  else signal.addEventListener("abort", () => settled(number));
}

export function stored(namespace, key, number) {
  wait(namespace.get(key), number);
}

export function after(milliseconds, number) {
  return setTimeout(settled, milliseconds, number);
}
