// A Worker that only passes on: the least that a request can cost on this runtime.
export default {
  async fetch(request, env) {
    const headers = new Headers(request.headers);
    headers.set("authorization", `Bearer ${env.KEY}`);
    const upstream = await fetch(env.UPSTREAM + new URL(request.url).pathname, { method: request.method, headers, body: request.body });
    return new Response(upstream.body, upstream);
  },
};
