use super::detect;

fn exports(source: &str) -> Vec<String> {
    detect(source).unwrap().exports
}

fn reexports(source: &str) -> Vec<String> {
    detect(source).unwrap().reexports
}

#[test]
fn assignments_to_members_count_at_any_depth() {
    assert_eq!(
        exports("exports.a = 1; if (x) { module.exports['b c'] = 2 } a.exports.d = 3"),
        ["a", "b c"]
    );
}

#[test]
fn object_literals_count_up_to_the_first_other_expression() {
    assert_eq!(
        exports("module.exports = { a, b: c, 'd': e, f: 1, g }"),
        ["a", "b", "d"]
    );
    assert_eq!(
        exports("0 && (module.exports = { a, b, ...require('x') })"),
        ["a", "b"]
    );
    assert_eq!(
        reexports("0 && (module.exports = { a, ...require('x') })"),
        ["x"]
    );
}

#[test]
fn a_later_replacement_drops_earlier_reexports() {
    assert_eq!(
        reexports("module.exports = require('a'); module.exports = require('b')"),
        ["b"]
    );
}

#[test]
fn defined_properties_count_where_their_getters_run_no_code() {
    let source = "
        Object.defineProperty(exports, '__esModule', { value: true });
        Object.defineProperty(exports, 'a', { enumerable: true, get: function () { return q.p; } });
        Object.defineProperty(exports, 'b', { enumerable: true, get() { return q['p'] } });
        Object.defineProperty(exports, 'c', { get: function () { return f(); } });
        exports.c = void 0;
    ";
    assert_eq!(exports(source), ["__esModule", "a", "b"]);
}

#[test]
fn typescript_and_babel_star_exports_are_reexports() {
    assert_eq!(
        reexports(
            "__exportStar(require('a'), exports); tslib_1.__exportStar(require('b'), exports)"
        ),
        ["a", "b"]
    );
    assert_eq!(reexports("__export(require('c'))"), ["c"]);
    let source = "
        var _x = require('x');
        Object.keys(_x).forEach(function (key) {
          if (key === \"default\" || key === \"__esModule\") return;
          if (Object.prototype.hasOwnProperty.call(_exportNames, key)) return;
          if (key in exports && exports[key] === _x[key]) return;
          Object.defineProperty(exports, key, { enumerable: true, get: function () { return _x[key]; } });
        });
        const _y = _interopRequireWildcard(require('y'));
        Object.keys(_y).forEach(function (k) { if (k !== 'default' && !_exp.hasOwnProperty(k)) exports[k] = _y[k]; });
    ";
    assert_eq!(reexports(source), ["x", "y"]);
}

#[test]
fn es_modules_and_what_does_not_parse_have_no_exports() {
    assert!(detect("exports.a = 1; import x from 'y'").is_err());
    assert!(detect("export default 1").is_err());
    assert!(detect("exports.a = 1; )").is_err());
    assert_eq!(exports("exports.a = 1; import('x')"), ["a"]);
}
