//! Parsers as the library uses them, and as a hostile program does.

use crate::binding::test_isolate::with_bindings;
use crate::js::callback_scope;

/// What `code` prints with `print`, a line each; `parser(handlers, type, ...)` makes a parser whose callbacks are `handlers`.
fn printed(code: &str) -> String {
    with_bindings(|scope, env| {
        let source = format!("{PRELUDE}\n{code}\nlines.join('\\n')");
        let source = v8::String::new(scope, &source).unwrap();
        let script = v8::Script::compile(scope, source, None).unwrap();
        // As in a callback of the loop: what a parser's callbacks throw is for the caller.
        let result = callback_scope::nested(env, || script.run(scope));
        let result = result.expect("the program does not throw");
        result.to_rust_string_lossy(scope)
    })
}

const PRELUDE: &str = r"
const lines = [];
const print = (...values) => { lines.push(values.map(String).join(' ')) };
internalBinding('async_wrap');
const { HTTPParser, ConnectionsList } = internalBinding('http_parser');
const bytes = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const text = (array) => String.fromCharCode(...array);
function parser(handlers = {}, type = HTTPParser.REQUEST, ...rest) {
  const parser = new HTTPParser();
  parser.initialize(type, {}, ...rest);
  const names = ['MessageBegin', 'Headers', 'HeadersComplete', 'Body', 'MessageComplete'];
  for (const name of names) parser[HTTPParser[`kOn${name}`]] = handlers[name];
  return parser;
}
const all = {
  MessageBegin() { print('begin') },
  Headers(headers, url) { print('headers', headers.length, url) },
  HeadersComplete(...values) { print('head', ...values) },
  Body(body) { print('body', text(body)) },
  MessageComplete() { print('complete') },
};
const feed = (parser, input) => {
  try {
    const result = parser.execute(bytes(input));
    return typeof result === 'number' ? result : `${result.code} ${result.bytesParsed} ${result.reason}`;
  } catch (error) { return `thrown ${error.message}` }
};
";

fn assert_prints(code: &str, expected: &[&str]) {
    assert_eq!(
        printed(code).split('\n').collect::<Vec<_>>(),
        expected,
        "{code}"
    );
}

#[test]
fn a_request_comes_in_one_piece_or_in_many() {
    let expected = [
        "begin",
        "head 1 1 Content-Length,5,Foo,bar 3 /a?b undefined undefined false true",
        "body hello",
        "complete",
    ];
    let request =
        r"const request = 'POST /a?b HTTP/1.1\r\nContent-Length: 5\r\nFoo: bar \t\r\n\r\nhello';";
    assert_prints(&format!("{request} feed(parser(all), request);"), &expected);
    let one_by_one = format!(
        "{request} let body = ''; const one = parser({{...all, Body(piece) {{ body += text(piece) }},
           MessageComplete() {{ print('body', body); print('complete') }}}});
         for (const character of request) feed(one, character);"
    );
    assert_prints(&one_by_one, &expected);
}

#[test]
fn responses_trailers_and_many_headers() {
    assert_prints(
        r"const response = parser(all, HTTPParser.RESPONSE);
          print(feed(response, 'HTTP/1.1 200 All right\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n'));",
        &[
            "begin",
            "head 1 1 Transfer-Encoding,chunked undefined undefined 200 All right false true",
            "body abc",
            "headers 2 ",
            "complete",
            "73",
        ],
    );
    assert_prints(
        r"const many = Array.from({length: 40}, (_, index) => `h${index}: v\r\n`).join('');
          feed(parser(all), `GET /long HTTP/1.1\r\n${many}\r\n`);",
        &[
            "begin",
            "headers 62 /long",
            "headers 18 ",
            "head 1 1 undefined 1 undefined undefined undefined false true",
            "complete",
        ],
    );
}

#[test]
fn errors_have_llhttps_names_and_places() {
    assert_prints(
        r"print(feed(parser(), 'GET / HTTP/1.1\r\nfo o: x\r\n\r\n'));
          const short = parser({}, HTTPParser.REQUEST, 50);
          print(feed(short, `GET / HTTP/1.1\r\nfoo: x${'y'.repeat(100)}\r\n\r\n`));
          const chunked = parser();
          print(feed(chunked, `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;${'e'.repeat(16385)}\r\na\r\n0\r\n\r\n`));
          const half = parser({}, HTTPParser.RESPONSE);
          print(feed(half, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab'), half.finish().code);
          const whole = parser({}, HTTPParser.RESPONSE);
          print(feed(whole, 'HTTP/1.1 200 OK\r\n\r\nab'), whole.finish());
          const paused = parser();
          paused.pause();
          print(feed(paused, 'GET').startsWith('HPE_PAUSED'));
          paused.resume();
          print(feed(paused, 'GET'));",
        &[
            "HPE_INVALID_HEADER_TOKEN 18 Invalid header token",
            "HPE_HEADER_OVERFLOW 123 Header overflow",
            "HPE_CHUNK_EXTENSIONS_OVERFLOW 16435 Chunk extensions overflow",
            "40 HPE_INVALID_EOF_STATE",
            "21 undefined",
            "true",
            "3",
        ],
    );
}

#[test]
fn an_upgrade_ends_where_the_other_protocol_begins() {
    assert_prints(
        r"const upgrade = parser({HeadersComplete() { return 2 }});
          print(feed(upgrade, 'GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nrest'));",
        &["51"],
    );
}

#[test]
fn what_a_callback_throws_is_the_callers() {
    let throwing = |name: &str| {
        format!(
            r"print(feed(parser({{{name}() {{ throw new Error('mine') }}}}),
               'POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx'));"
        )
    };
    for name in ["MessageBegin", "HeadersComplete", "Body", "MessageComplete"] {
        assert_prints(&throwing(name), &["thrown mine"]);
    }
}

#[test]
fn callbacks_that_use_their_own_parser_do_no_harm() {
    let request =
        r"const request = 'POST / HTTP/1.1\r\nContent-Length: 5\r\nFoo: bar\r\n\r\nhello';";
    for name in ["MessageBegin", "HeadersComplete", "Body", "MessageComplete"] {
        let code = format!(
            "{request}
             let times = 0;
             const nested = parser({{...all, {name}() {{ if (times++ === 0) print('nested', feed(nested, request)) }}}});
             print(feed(nested, request), times);
             lines.splice(0, lines.length, lines.filter((line) => /nested|53/.test(line)).join(), times);
             const anew = parser({{{name}() {{ anew.initialize(HTTPParser.RESPONSE, {{}}) }}}});
             print(feed(anew, request), feed(anew, 'HTTP/1.1 200 OK\\r\\n'));
             const closed = parser({{{name}() {{ closed.close() }}}});
             print(feed(closed, request), closed.execute(bytes('x')));"
        );
        assert_prints(&code, &["nested 53,53 2", "2", "53 17", "53 undefined"]);
    }
}

#[test]
fn the_memory_of_an_input_may_go_while_it_is_parsed() {
    assert_prints(
        r"const input = bytes('POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello');
          const going = parser({HeadersComplete() { input.buffer.transfer(0) }, Body(body) { print(text(body)) }});
          print(going.execute(input), input.length);",
        &["hello", "43 0"],
    );
}

#[test]
fn wrong_arguments_are_type_errors() {
    assert_prints(
        r"const uninitialised = new HTTPParser();
          print(uninitialised.execute(bytes('x')), uninitialised.finish(), uninitialised.pause());
          for (const wrong of [
            () => HTTPParser(), () => ConnectionsList(), () => parser().execute('text'),
            () => new HTTPParser().initialize(3, {}), () => new HTTPParser().initialize(1),
            () => new HTTPParser().initialize(1, {}, 0, 0, {}), () => parser().consume({}),
            () => new ConnectionsList().expired(), () => HTTPParser.prototype.execute.call({}, bytes('x')),
          ]) try { print('no error', wrong()) } catch (error) { print(error.name) }",
        &[
            "undefined undefined undefined",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
            "TypeError",
        ],
    );
}

#[test]
fn a_list_knows_what_its_connections_are_at() {
    assert_prints(
        r"const list = new ConnectionsList();
          const counts = () => print(list.all().length, list.idle().length, list.active().length);
          const one = parser({}, HTTPParser.REQUEST, 0, 0, list);
          counts();
          feed(one, 'GET / HTTP/1.1\r\n');
          counts();
          feed(one, '\r\n');
          counts();
          const two = parser({}, HTTPParser.REQUEST, 0, 0, list);
          print(list.all()[0] === one, list.active()[0] === two, list.expired(0, 0).length);
          one.remove();
          two.close();
          counts();",
        &["1 0 1", "1 0 1", "1 1 0", "true true 0", "0 0 0"],
    );
}
