// The OpenAPI document, from the same routes and schemas that requests are held to. Pure.

import { z } from 'zod';

import type { Route } from './routes.ts';
import { errorSchema } from './schemas.ts';

const EVENTS = {
  get: {
    summary: 'What happens from now on, as server-sent events; Last-Event-ID asks for those since.',
    responses: {
      200: {
        description: 'Data is JSON: time, level, event, message, fields.',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
    },
  },
};

/** Version 3.1, whose schemas are plain JSON Schema. */
export function openApi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'ultrabalancer-l4 admin', version },
    paths: { ...paths, '/v1/events': EVENTS },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Over TCP only.' } },
    },
    security: [{}, { token: [] }],
  };
}

function operation({ summary, params, query, body, status, answer }: Route): object {
  return {
    summary,
    parameters: [...parameters('path', params), ...parameters('query', query)],
    ...(body === undefined ? {} : { requestBody: { content: json(body, 'input') } }),
    responses: {
      [status]: { description: 'Done.', content: json(answer, 'output') },
      default: {
        description: 'Why not: 400, 404, or 409 when it cannot be done now.',
        content: json(errorSchema, 'output'),
      },
    },
  };
}

function json(schema: z.ZodType, io: 'input' | 'output'): object {
  return { 'application/json': { schema: jsonSchema(schema, io) } };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}

function parameters(where: 'path' | 'query', schema: z.ZodType | undefined): object[] {
  if (schema === undefined) return [];
  const { properties = {} } = jsonSchema(schema, 'output') as { properties?: Record<string, object> };
  return Object.entries(properties).map(([name, each]) => ({
    name,
    in: where,
    required: where === 'path',
    schema: each,
  }));
}
