// Requests that came to a server which another one follows: asked there in its place.
import { urlOf } from "./request.ts";

/** @param path of the socket to which the request came, and which the other server has now */
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
