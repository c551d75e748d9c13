// Relays a request from a replaced server to the server that owns the socket's path now.
import { urlOf } from "./request.ts";

/** @param path of the socket that received the request */
export function relay(request: Request, path: string): Promise<Response> {
  return fetch(urlOf(request), {
    method: request.method,
    headers: request.headers,
    ...(request.body === null ? {} : { body: request.body }),
    unix: path,
    proxy: false,
    redirect: "manual",
    decompress: false,
    // An order lasts as long as the application takes to start or stop.
    timeout: false,
  } as BunFetchRequestInit);
}
