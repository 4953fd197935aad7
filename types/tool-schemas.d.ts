// Schemas of the input of tools, and the types that they describe.

import type { defineTool } from "./tools.js";

// biome-ignore lint/complexity/noUselessEmptyExport: without it TypeScript exports what is not marked so, too
export {};

/** An object of a schema library that speaks Standard Schema: Zod 3.24 and later, Valibot, ArkType and others. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    // biome-ignore lint/suspicious/noExplicitAny: libraries differ in what they give back
    readonly validate: (value: unknown, ...rest: any[]) => any;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/**
 * What the handler of a tool with this schema gets: what a Standard Schema gives out, or what a JSON Schema whose type
 * is literal (`as const`, or given to {@link defineTool}) describes by `type`, `properties`, `required`, `default`,
 * `items`, `prefixItems`, `additionalProperties`, `enum`, `const`, `anyOf`, `oneOf` and `allOf`. Anything else, like
 * `$ref`, is `any`.
 */
export type ToolInput<Schema> = Schema extends StandardSchema
  ? NonNullable<Schema["~standard"]["types"]>["output"]
  : FromJsonSchema<Schema>;

/** What the handler of a tool with this `outputSchema` may give back: what a Standard Schema takes, or as {@link ToolInput}. */
export type ToolResult<Schema> = Schema extends StandardSchema
  ? NonNullable<Schema["~standard"]["types"]>["input"]
  : FromJsonSchema<Schema>;

// biome-ignore lint/suspicious/noExplicitAny: a schema that says nothing allows anything
type Anything = any;

type FromJsonSchema<Schema> = Schema extends { readonly const: infer Value }
  ? Mutable<Value>
  : Schema extends { readonly enum: readonly (infer Value)[] }
    ? Mutable<Value>
    : Schema extends { readonly anyOf: readonly (infer Part)[] }
      ? FromJsonSchema<Part>
      : Schema extends { readonly oneOf: readonly (infer Part)[] }
        ? FromJsonSchema<Part>
        : Schema extends { readonly allOf: readonly [infer First, ...infer Rest] }
          ? FromJsonSchema<First> &
              (Rest extends readonly [] ? unknown : FromJsonSchema<{ readonly allOf: Rest }>)
          : Schema extends { readonly type: infer Type }
            ? FromType<Type extends readonly (infer Each)[] ? Each : Type, Schema>
            : Anything;

type FromType<Type, Schema> = Type extends "string"
  ? string
  : Type extends "number" | "integer"
    ? number
    : Type extends "boolean"
      ? boolean
      : Type extends "null"
        ? null
        : Type extends "array"
          ? FromArray<Schema>
          : Type extends "object"
            ? FromObject<Schema>
            : Anything;

type FromArray<Schema> = Schema extends {
  readonly prefixItems: infer First extends readonly unknown[];
}
  ? { -readonly [Index in keyof First]: FromJsonSchema<First[Index]> }
  : Schema extends { readonly items: infer Items }
    ? FromJsonSchema<Items>[]
    : Anything[];

type FromObject<Schema> = Schema extends { readonly properties: infer Properties }
  ? FromProperties<Properties, PresentNames<Schema, Properties>>
  : Schema extends { readonly additionalProperties: infer Extra extends object }
    ? Record<string, FromJsonSchema<Extra>>
    : Record<string, Anything>;

type FromProperties<Properties, Present> = Flat<
  {
    -readonly [Name in keyof Properties as Name extends Present ? Name : never]: FromJsonSchema<
      Properties[Name]
    >;
  } & {
    -readonly [Name in keyof Properties as Name extends Present ? never : Name]?: FromJsonSchema<
      Properties[Name]
    >;
  }
>;

/** Names that are required, and those whose default is filled in. */
type PresentNames<Schema, Properties> =
  | (Schema extends { readonly required: readonly (infer Name)[] } ? Name : never)
  | {
      [Name in keyof Properties]: Properties[Name] extends { readonly default: unknown }
        ? Name
        : never;
    }[keyof Properties];

type Flat<Type> = { [Name in keyof Type]: Type[Name] };

type Mutable<Type> = Type extends object
  ? { -readonly [Name in keyof Type]: Mutable<Type[Name]> }
  : Type;
