// What the gateway asks of its runtime. WebAssembly reaches JavaScript by crossings that each cost more than what is done in
// them, so one call does all that can be done at once. Headers cross as one text: a line for each name and each value.
// Whoever waits for something gives a number with it, and is told by that number.

let settled, received, failed;

export function tell(onValue, onBytes, onFailure) {
  [settled, received, failed] = [onValue, onBytes, onFailure];
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

export function requestHead(request) {
  return `${request.method}\n${request.url}${lines(request.headers)}`;
}

export function responseHead(response) {
  return `${response.status}${lines(response.headers)}`;
}

// A record costs a third of a list of pairs here. Values of one name are joined, as the runtime does when it sends them.
export function send(client, url, method, headers, bytes, stream, number) {
  const controller = new AbortController();
  client.addEventListener("abort", () => controller.abort());
  const record = {};
  eachHeader(headers, (name, value) => {
    record[name] = name in record ? `${record[name]}, ${value}` : value;
  });
  const body = stream ?? (bytes.length > 0 ? bytes.slice() : undefined);
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

// The next piece, nothing at the end.
export function read(reader, room, number) {
  const piece = room > 0 ? reader.read(new Uint8Array(room)) : reader.read();
  piece.then(
    ({ done, value }) => (done ? settled(number) : received(number, value)),
    (error) => failed(number, error),
  );
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
// is wanted.
export function pump(from, to, closes, number) {
  wait(from.pipeTo(to, { preventClose: !closes, preventAbort: !closes }), number);
}

// Two of one: a stream, and a reader of the other that takes everything that has come into room of ours.
export function tee(stream) {
  const [one, other] = stream.tee();
  return [one, other.getReader({ mode: "byob" })];
}

export function stored(namespace, key, number) {
  wait(namespace.get(key), number);
}

export function after(milliseconds, number) {
  return setTimeout(settled, milliseconds, number);
}
