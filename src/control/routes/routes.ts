// The table of what the control API answers: what each route takes, what it answers, and whom it asks to be.
import { z } from "zod";
import type { Call } from "../call.ts";
import { deployInstance, rollOutService, routeTraffic } from "../handlers/deploys.ts";
import { addDomain, listDomains, removeDomain } from "../handlers/domains.ts";
import { searchLogs, streamLogs } from "../handlers/logs.ts";
import { answerHealth, answerPage } from "../handlers/page.ts";
import { reloadConfiguration } from "../handlers/reload.ts";
import { restartServer } from "../handlers/restart.ts";
import { answerMetrics, answerTelemetry } from "../handlers/telemetry.ts";
import { createToken, listAudit, listTokens, revokeToken } from "../handlers/tokens.ts";
import {
  deployAnswer,
  deployBody,
  rolloutBody,
  rolloutEvent,
  routeAnswer,
  routeBody,
} from "../wire/deploys.ts";
import { domainAnswer, domainBody, domainQuery } from "../wire/domains.ts";
import { droppedAnswer, logAnswer, logQuery } from "../wire/logs.ts";
import { reloadAnswer, reloadQuery } from "../wire/reload.ts";
import { restartAnswer } from "../wire/restart.ts";
import { telemetryAnswer, wellAnswer } from "../wire/telemetry.ts";
import { auditAnswer, auditQuery, newTokenAnswer, tokenAnswer, tokenBody } from "../wire/tokens.ts";
import { anything } from "../wire/wire.ts";
import { INSTANCE_ROUTES } from "./instances.ts";
import { type OpenApiDocument, planOpenApi } from "./openapi.ts";
import { EMPTY, events, json, type Route, route, text } from "./route.ts";

// A new route is a declaration here, a handler in the file of its subject, and schemas in that subject's wire file.

export const ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/",
    summary: "A page that says what this is",
    action: null,
    query: anything,
    answer: text("text/html", "A page"),
    handle: answerPage,
  }),
  route({
    method: "GET",
    path: "/health",
    summary: "Whether the server is well",
    action: null,
    query: anything,
    answer: json(wellAnswer),
    handle: answerHealth,
  }),
  route({
    method: "GET",
    path: "/api/openapi.json",
    summary: "This document",
    action: "openapi",
    answer: json(z.looseObject({ openapi: z.string() })),
    handle: describeApi,
  }),
  ...INSTANCE_ROUTES,
  route({
    method: "POST",
    path: "/api/deploy",
    summary:
      "Start an instance at weight 0 and give it its weight when it is healthy, or change nothing",
    action: "deploy",
    body: deployBody,
    answer: json(deployAnswer),
    refusals: [404, 409],
    handle: deployInstance,
  }),
  route({
    method: "POST",
    path: "/api/route",
    summary: "Move the traffic of one instance to another, then let the first sleep",
    action: "route",
    body: routeBody,
    answer: json(routeAnswer),
    refusals: [404, 409],
    handle: routeTraffic,
  }),
  route({
    method: "POST",
    path: "/api/rollout",
    summary: "Give every running instance of a service a new process, without a failed request",
    action: "rollout",
    body: rolloutBody,
    answer: events(rolloutEvent, "How far it is; the last event is of the kind done"),
    refusals: [404, 409],
    handle: rollOutService,
  }),
  route({
    method: "GET",
    path: "/api/logs",
    summary: "Search the logs: the newest lines that match, newest last",
    action: "logs",
    query: logQuery,
    answer: json(z.array(logAnswer)),
    handle: searchLogs,
  }),
  route({
    method: "GET",
    path: "/api/logs/stream",
    summary: "Follow the logs; with limit, after so many of the lines written before",
    action: "logs",
    query: logQuery,
    answer: events(
      z.union([logAnswer, droppedAnswer]),
      "A line each; an event called dropped says how many were left out",
    ),
    handle: streamLogs,
  }),
  route({
    method: "POST",
    path: "/api/reload",
    summary: "Read the configuration anew and apply what has changed; what has not is left alone",
    action: "reload",
    query: reloadQuery,
    answer: json(reloadAnswer),
    handle: reloadConfiguration,
  }),
  route({
    method: "GET",
    path: "/api/tokens",
    summary: "List API tokens: what they are for, never themselves",
    action: "tokens",
    answer: json(z.array(tokenAnswer)),
    handle: listTokens,
  }),
  route({
    method: "POST",
    path: "/api/tokens",
    summary: "Make an API token",
    action: "create-token",
    body: tokenBody,
    answer: json(newTokenAnswer, 201),
    handle: createToken,
  }),
  route({
    method: "DELETE",
    path: "/api/tokens/{token}",
    summary: "Revoke an API token, and close what it has open",
    action: "revoke-token",
    answer: EMPTY,
    handle: revokeToken,
  }),
  route({
    method: "GET",
    path: "/api/domains",
    summary: "List custom host names",
    action: "domains",
    query: domainQuery,
    answer: json(z.array(domainAnswer)),
    handle: listDomains,
  }),
  route({
    method: "POST",
    path: "/api/domains",
    summary: "Give an instance or a service a host name of its own",
    action: "add-domain",
    body: domainBody,
    answer: json(domainAnswer, 201),
    refusals: [404, 409],
    handle: addDomain,
  }),
  route({
    method: "DELETE",
    path: "/api/domains/{host}",
    summary: "Take a custom host name away",
    action: "remove-domain",
    query: domainQuery,
    answer: EMPTY,
    handle: removeDomain,
  }),
  route({
    method: "GET",
    path: "/api/telemetry",
    summary: "Requests, latencies, restarts and memory, in all and by instance",
    action: "telemetry",
    answer: json(telemetryAnswer),
    handle: answerTelemetry,
  }),
  route({
    method: "GET",
    path: "/metrics",
    summary: "The metrics",
    action: "telemetry",
    answer: text("text/plain", "Prometheus' text format"),
    handle: answerMetrics,
  }),
  route({
    method: "POST",
    path: "/api/server/restart",
    summary:
      "Let a new process follow this server's, in whatever version is installed now; answers once it serves",
    action: "restart-server",
    answer: json(restartAnswer),
    refusals: [409, 503],
    handle: restartServer,
  }),
  route({
    method: "GET",
    path: "/api/audit",
    summary: "List who changed what, newest first",
    action: "audit",
    query: auditQuery,
    answer: json(z.array(auditAnswer)),
    handle: listAudit,
  }),
];

/** Made when it is first asked for: that takes a dozen milliseconds, in which nothing else happens. */
let api: OpenApiDocument | null = null;

function describeApi({ world }: Call): OpenApiDocument {
  api ??= planOpenApi(ROUTES, world.version);
  return api;
}
