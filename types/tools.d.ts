// Functions of the host that guests call.

import type { AbortSignal } from "./host.js";
import type { ToolInput, ToolResult } from "./tool-schemas.js";

/** What a handler knows of the call. */
export interface ToolContext {
  /** Aborted by the timeout, when the guest ends, and by `dispose`. */
  readonly signal: AbortSignal;
  /** The name that the tool is registered under. */
  readonly name: string;
  /** The guest process that calls: the command, or the program that has called `callTool`. */
  readonly pid: number;
}

/** A function of the host that guests can call, as a command, by an import from `tools` and by `callTool`. */
// biome-ignore lint/suspicious/noExplicitAny: a definition by itself says nothing of its input
export interface ToolDefinition<Input = any, Result = unknown, Schema = object, Output = object> {
  /** What it does, for the command's `--help`. */
  readonly description: string;
  /**
   * What the input must be; flags are derived from it. JSON Schema as a plain object is checked on a thread of its own,
   * within a bound of steps, with `format` and with defaults filled in. A Standard Schema is checked by its library, in
   * this thread, and the handler gets what that gives out; it has flags if its library tells its JSON Schema.
   *
   * @throws `ERR_INVALID_ARG_VALUE` for another kind of object, with what to give instead.
   */
  readonly inputSchema: Schema;
  /**
   * What the result must be, as `inputSchema` says it of the input: guests are told what the schema makes of a result, and
   * get its type ({@link toolTypes}). A result that is something else fails the call; `onToolError` hears why.
   *
   * @throws `ERR_INVALID_ARG_VALUE` for another kind of object, with what to give instead.
   */
  readonly outputSchema?: Output | undefined;
  /**
   * Runs in the host. What it gives back must be what JSON can hold. Of what it throws the guest is told the message
   * of a {@link ToolError}; of anything else that the tool failed.
   */
  readonly handler: (input: Input, context: ToolContext) => Result | Promise<Result>;
  /**
   * Milliseconds for the check and the handler.
   * @default the VM's limit, 30 s
   */
  readonly timeoutMs?: number | undefined;
  /** Inputs to show in the help, by themselves or as `{ description, input }`. */
  readonly examples?: readonly unknown[] | undefined;
  /** Further names of the command. */
  readonly commandAliases?: readonly string[] | undefined;
}

/** Tools by name; the input of each handler is inferred from the schema beside it. */
export type ToolDefinitions<Schemas = Record<string, object>> = {
  readonly [Name in keyof Schemas]: ToolDefinition<
    ToolInput<Schemas[Name]>,
    unknown,
    Schemas[Name]
  >;
};

/**
 * Gives back the definition, with the handler's input inferred from the schema.
 *
 * @example
 * ```js
 * const pay = defineTool({
 *   description: "Pays.",
 *   inputSchema: { type: "object", properties: { amount: { type: "number" } }, required: ["amount"] },
 *   handler: ({ amount }) => ({ paid: amount }),
 * });
 * await rt.registerTools({ pay });
 * ```
 */
export function defineTool<
  const Schema extends object,
  Result extends ToolResult<Output>,
  const Output extends object = object,
>(
  definition: ToolDefinition<ToolInput<Schema>, Result, Schema, Output>,
): ToolDefinition<ToolInput<Schema>, Result, Schema, Output>;

/**
 * TypeScript's declaration of the module `tools`, by which guests import these tools: `declare module "tools" { ... }`, with
 * types made from the schemas. Written to a `.d.ts` file of a project it has `tsc` check programs for guests on the host.
 *
 * @throws {TypeError | RangeError} A definition is wrong: the message has its name.
 *
 * @example
 * ```js
 * const pay = defineTool({
 *   description: "Pays.",
 *   inputSchema: { type: "object", properties: { amount: { type: "number" } }, required: ["amount"] },
 *   handler: ({ amount }) => ({ paid: amount }),
 * });
 * const text = toolTypes({ pay }); // export function pay(input: PayInput): Promise<any>; ...
 * ```
 */
export function toolTypes(tools: ToolDefinitions): string;

/**
 * What a handler throws to tell the guest: the message, and if given a code and data, which are `code` and `data` of
 * the error that `callTool` rejects with. The code there is `ERR_TOOL_FAILED` otherwise.
 */
export class ToolError extends Error {
  constructor(
    message: string,
    options?: {
      code?: string | undefined;
      data?: unknown;
      cause?: unknown;
    },
  );
  readonly code?: string;
  /** Must be what JSON can hold. */
  readonly data?: unknown;
}

/** Functions of the host as a tree, which guests call as `await SecureExec.bindings.db.query(...args)`. */
export interface BindingTree {
  // biome-ignore lint/suspicious/noExplicitAny: arguments are what guests give
  readonly [name: string]: ((...args: any[]) => unknown) | ToolDefinition | BindingTree;
}
