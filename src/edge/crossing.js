// What the gateway asks of its runtime. A call from WebAssembly to JavaScript costs more than most of what is done in it, so
// one call does all that can be done at once. Headers cross as one text: a line for each name and each value.
// A function that begins something takes a number, and the result is reported under that number.

let settled, received, failed;
let instances = 0;

// What the entrypoint of worker-build looks at before each request: it makes a new instance of WebAssembly where one has failed.
const state = { criticalError: false, instanceId: 0 };

export function entrypointState() {
  return state;
}

export function instanceBegins() {
  state.instanceId++;
}

export function instanceFails() {
  state.criticalError = true;
}

// Returns the number before the first one to give out. After a panic another instance of WebAssembly takes over: it gives out
// other numbers, so that it never takes a result that the instance before it waited for.
export function report(onValue, onBytes, onFailure) {
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

// Copies the pieces: they lie in WebAssembly's memory, which may move. Returns nothing where all are empty.
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

// Headers as a record cost a third of what a list of pairs costs here. Values of one name are joined with commas, as the
// runtime itself does when it sends them.
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

// Reads the whole body of a request or response.
export function whole(message, number) {
  message.arrayBuffer().then((buffer) => received(number, new Uint8Array(buffer)), (error) => failed(number, error));
}

// Begins to read a body piece by piece. `room` is the memory that pieces come into; without it they are small. A body that
// another Worker made in JavaScript cannot be read into memory of ours.
export function reading(body) {
  try {
    return { reader: body.getReader({ mode: "byob" }), room: new ArrayBuffer(65536) };
  } catch {
    return { reader: body.getReader() };
  }
}

// Reports the next piece, or nothing at the end.
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

// Moves everything without JavaScript in between. Reports a failure of either side. Closes `to` at the end only where `closes`
// says so, and only when nothing failed.
export function pump(from, to, closes, number) {
  wait(from.pipeTo(to, { preventClose: !closes, preventAbort: true }), number);
}

// Splits a stream: returns one branch, and the reading of the other one.
export function tee(stream) {
  const [one, other] = stream.tee();
  return [one, reading(other)];
}

// Accepts a WebSocket. Returns the client's side, ours, and what is aborted when the client has left. Messages are kept in their
// order until somebody asks for them; an undefined one says that no more will come.
export function accepted() {
  const [client, server] = Object.values(new WebSocketPair());
  const gone = new AbortController();
  const socket = { server, messages: [], number: undefined };
  const hand = (message) => {
    const { number } = socket;
    socket.number = undefined;
    if (number === undefined) socket.messages.push(message);
    else settled(number, message);
  };
  const leave = () => {
    hangUp(socket, 1000, "");
    gone.abort();
    hand(undefined);
  };
  server.accept();
  server.addEventListener("message", ({ data }) => hand(data));
  server.addEventListener("close", leave);
  server.addEventListener("error", leave);
  return [client, socket, gone.signal];
}

// Reports the next message. Nobody else may be waiting for it.
export function hear(socket, number) {
  if (socket.messages.length > 0) queueMicrotask(() => settled(number, socket.messages.shift()));
  else socket.number = number;
}

export function say({ server }, message) {
  server.send(message);
}

export function hangUp({ server }, code, reason) {
  try {
    server.close(code, reason);
  } catch {
    // It is closed already.
  }
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
