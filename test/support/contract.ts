/** Compares a schema with the contract: the contract's names, arguments and nullability bind, everything else is free. */
import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  parse,
  print,
  type TypeNode,
} from 'graphql';

/** What a schema lacks and what it says otherwise than the contract. */
export type ContractDiff = {
  /** Coordinates of the contract that the schema does not have, such as `Query.product` or `Product implements Node`. */
  missing: string[];
  /** Things that are there, but not as the contract says: never excused. */
  wrong: string[];
};

/** A definition of either document, whatever its kind. */
type Definition = DefinitionNode & {
  readonly name: { readonly value: string };
  readonly fields?: readonly (FieldDefinitionNode | InputValueDefinitionNode)[];
  readonly interfaces?: readonly { readonly name: { readonly value: string } }[];
  readonly values?: readonly { readonly name: { readonly value: string } }[];
  readonly types?: readonly { readonly name: { readonly value: string } }[];
  readonly directives?: readonly ConstDirectiveNode[];
};

type Definitions = ReadonlyMap<string, Definition>;

/** Compares two documents in the schema language. */
export function compareContract(contract: string, schema: string): ContractDiff {
  const wanted = definitions(contract);
  const present = definitions(schema);
  const diff: ContractDiff = { missing: [], wrong: [] };
  for (const definition of wanted.values()) compareType(definition, present, diff);
  return diff;
}

/** Checks the list of what may still be missing: nothing else is missing, and nothing on it is present. */
export function reconcile(
  missing: readonly string[],
  listed: readonly string[],
): { unlisted: string[]; done: string[] } {
  return {
    unlisted: missing.filter((coordinate) => !listed.includes(coordinate)),
    done: listed.filter((coordinate) => !missing.includes(coordinate)),
  };
}

/** By name. Extensions are not expected in either document. */
function definitions(document: string): Definitions {
  const named = parse(document, { noLocation: true }).definitions.filter((definition) => 'name' in definition);
  return new Map((named as Definition[]).map((definition) => [definition.name.value, definition]));
}

function compareType(wanted: Definition, present: Definitions, diff: ContractDiff): void {
  const name = wanted.name.value;
  const found = present.get(name);
  if (!found) {
    diff.missing.push(name);
    return;
  }
  if (found.kind !== wanted.kind) {
    diff.wrong.push(`${name} is ${found.kind}, the contract says ${wanted.kind}`);
    return;
  }
  for (const { name: implemented } of wanted.interfaces ?? []) {
    const coordinate = `${name} implements ${implemented.value}`;
    if (!names(found.interfaces).has(implemented.value)) diff.missing.push(coordinate);
  }
  for (const value of names(wanted.values)) if (!names(found.values).has(value)) diff.missing.push(`${name}.${value}`);
  for (const member of names(wanted.types))
    if (!names(found.types).has(member)) diff.missing.push(`${name} = ${member}`);
  compareFields(wanted, found, present, diff);
}

function compareFields(wanted: Definition, found: Definition, present: Definitions, diff: ContractDiff): void {
  const fields = new Map((found.fields ?? []).map((field) => [field.name.value, field]));
  for (const field of wanted.fields ?? []) {
    const coordinate = `${wanted.name.value}.${field.name.value}`;
    const same = fields.get(field.name.value);
    if (!same) {
      diff.missing.push(coordinate);
      continue;
    }
    compareValue(coordinate, field, same, diff);
    if (wanted.name.value === 'Mutation') compareResult(field, present, diff);
  }
  if (wanted.kind !== Kind.INPUT_OBJECT_TYPE_DEFINITION) return;
  requireNothingMore(`${wanted.name.value}.`, wanted.fields ?? [], [...fields.values()], diff);
}

/** Compares type and, for inputs, the default; for fields, the arguments. */
function compareValue(
  coordinate: string,
  wanted: FieldDefinitionNode | InputValueDefinitionNode,
  found: FieldDefinitionNode | InputValueDefinitionNode,
  diff: ContractDiff,
): void {
  const type = (node: { type: TypeNode }) => print(node.type);
  if (type(wanted) !== type(found)) diff.wrong.push(`${coordinate}: ${type(found)}, the contract says ${type(wanted)}`);
  const [wantedDefault, foundDefault] = [wanted, found].map((node) =>
    'defaultValue' in node && node.defaultValue ? print(node.defaultValue) : 'none',
  );
  if (wantedDefault !== 'none' && wantedDefault !== foundDefault) {
    diff.wrong.push(`${coordinate}: default ${foundDefault}, the contract says ${wantedDefault}`);
  }
  const wantedArguments = argumentsOf(wanted);
  const foundArguments = argumentsOf(found);
  for (const argument of wantedArguments) {
    const argumentCoordinate = `${coordinate}(${argument.name.value}:)`;
    const same = foundArguments.find((candidate) => candidate.name.value === argument.name.value);
    if (same) compareValue(argumentCoordinate, argument, same, diff);
    else diff.missing.push(argumentCoordinate);
  }
  requireNothingMore(`${coordinate}:`, wantedArguments, foundArguments, diff);
}

function argumentsOf(node: FieldDefinitionNode | InputValueDefinitionNode): readonly InputValueDefinitionNode[] {
  return ('arguments' in node && node.arguments) || [];
}

/** An argument or input field beyond the contract must be optional: a client of the contract does not send it. */
function requireNothingMore(
  prefix: string,
  wanted: readonly { name: { value: string } }[],
  found: readonly (InputValueDefinitionNode | FieldDefinitionNode)[],
  diff: ContractDiff,
): void {
  const known = names(wanted);
  for (const extra of found) {
    const required = extra.type.kind === Kind.NON_NULL_TYPE && !('defaultValue' in extra && extra.defaultValue);
    if (required && !known.has(extra.name.value)) {
      diff.wrong.push(`${prefix}${extra.name.value} is required, the contract does not have it`);
    }
  }
}

/** The convention for mutations: <Mutation>Result is a union that holds <Mutation>Success. */
function compareResult(mutation: { name: { value: string } }, present: Definitions, diff: ContractDiff): void {
  const name = mutation.name.value.charAt(0).toUpperCase() + mutation.name.value.slice(1);
  const union = present.get(`${name}Result`);
  if (union?.kind !== Kind.UNION_TYPE_DEFINITION) diff.wrong.push(`${name}Result is no union`);
  else if (!names(union.types).has(`${name}Success`)) diff.wrong.push(`${name}Result does not hold ${name}Success`);
}

function names(nodes: readonly { name: { value: string } }[] | undefined): Set<string> {
  return new Set((nodes ?? []).map((node) => node.name.value));
}
