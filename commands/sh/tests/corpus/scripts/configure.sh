#!/bin/sh
# In the manner of a generated configure: feature tests, here-documents, substituted templates, caches.
as_me=configure
if test -n "${ZSH_VERSION+set}" && (emulate sh) >/dev/null 2>&1; then emulate sh; NULLCMD=:; else
  case `(set -o) 2>/dev/null` in *posix*) set -o posix;; esac
fi
as_nl='
'
export as_nl
as_echo='printf %s\n'
as_echo_n='printf %s'
if test "${PATH_SEPARATOR+set}" != set; then
  PATH_SEPARATOR=:
  (PATH='/bin;/bin'; FPATH=$PATH; sh -c :) >/dev/null 2>&1 && {
    (PATH='/bin:/bin'; FPATH=$PATH; sh -c :) >/dev/null 2>&1 || PATH_SEPARATOR=';'
  }
fi
IFS=" ""	$as_nl"
as_myself=
case $0 in
  *[\\/]* ) as_myself=$0 ;;
  *) as_save_IFS=$IFS; IFS=$PATH_SEPARATOR
for as_dir in $PATH
do
  IFS=$as_save_IFS
  test -z "$as_dir" && as_dir=.
    test -r "$as_dir/$0" && as_myself=$as_dir/$0 && break
  done
IFS=$as_save_IFS
     ;;
esac
for as_var in BASH_ENV ENV MAIL MAILPATH
do eval test x\${$as_var+set} = xset && ( (unset $as_var) || exit 1) >/dev/null 2>&1 && unset $as_var || :
done
PS1='$ '
PS2='> '
PS4='+ '
LC_ALL=C
export LC_ALL
(unset CDPATH) >/dev/null 2>&1 && unset CDPATH
as_fn_unset () { { eval $1=; unset $1;}; }
as_fn_set_status () { return $1; }
as_fn_exit () { set +e; as_fn_set_status $1; exit $1; }
as_fn_append () { eval $1=\$$1\$2; }
as_fn_arith () { as_val=$(( $* )); }
as_fn_mkdir_p ()
{
  case $as_dir in #(
  -*) as_dir=./$as_dir;;
  esac
  test -d "$as_dir" || mkdir -p "$as_dir"
}
as_fn_error ()
{
  as_status=$1; test $as_status -eq 0 && as_status=1
  if test "$4"; then
    as_lineno=${as_lineno-"$3"} as_lineno_stack=as_lineno_stack=$as_lineno_stack
    $as_echo "$as_me:${as_lineno-$LINENO}: error: $2" >&$4
  fi
  $as_echo "$as_me: error: $2"
  as_fn_exit $as_status
}
if expr a : '\(a\)' >/dev/null 2>&1 && test "X`expr 00001 : '.*\(...\)'`" = X001; then as_expr=expr; else as_expr=false; fi
as_basename=basename
as_me_base=`$as_basename -- "$0" || $as_echo X/"$0" | sed '/^.*\/\([^/][^/]*\)\/*$/{ s//\1/; q; }; s/.*/./; q'`
as_cr_letters='abcdefghijklmnopqrstuvwxyz'
as_cr_LETTERS='ABCDEFGHIJKLMNOPQRSTUVWXYZ'
as_cr_Letters=$as_cr_letters$as_cr_LETTERS
as_cr_digits='0123456789'
as_cr_alnum=$as_cr_Letters$as_cr_digits
as_tr_cpp="eval sed 'y%*$as_cr_letters%P$as_cr_LETTERS%;s%[^_$as_cr_alnum]%_%g'"
as_tr_sh="eval sed 'y%*+%pp%;s%[^_$as_cr_alnum]%_%g'"
test -n "$DJDIR" || exec 7<&0 </dev/null
exec 6>&1
PACKAGE_NAME='sample'
PACKAGE_VERSION='1.2'
ac_default_prefix=/usr/local
ac_subst_vars='PACKAGE_NAME
PACKAGE_VERSION
prefix
CC
CFLAGS
DEFS'
ac_init_help=
cache_file=config.cache
prefix=NONE
no_create=
ac_prev=
ac_dashdash=
parse_args() {
for ac_option
do
  if test -n "$ac_prev"; then
    eval $ac_prev=\$ac_option
    ac_prev=
    continue
  fi
  case $ac_option in
  *=?*) ac_optarg=`expr "X$ac_option" : '[^=]*=\(.*\)'` ;;
  *=)   ac_optarg= ;;
  *)    ac_optarg=yes ;;
  esac
  case $ac_dashdash$ac_option in
  --) ac_dashdash=yes ;;
  -prefix | --prefix | --prefi | --pref) ac_prev=prefix ;;
  -prefix=* | --prefix=* | --prefi=* | --pref=*) prefix=$ac_optarg ;;
  -enable-* | --enable-*)
    ac_useropt=`expr "x$ac_option" : 'x-*enable-\([^=]*\)'`
    expr "x$ac_useropt" : ".*[^-+._$as_cr_alnum]" >/dev/null && as_fn_error $? "invalid feature name: $ac_useropt"
    ac_useropt=`$as_echo "$ac_useropt" | sed 's/[-+.]/_/g'`
    eval enable_$ac_useropt=\$ac_optarg ;;
  -disable-* | --disable-*)
    ac_useropt=`expr "x$ac_option" : 'x-*disable-\([^=]*\)'`
    ac_useropt=`$as_echo "$ac_useropt" | sed 's/[-+.]/_/g'`
    eval enable_$ac_useropt=no ;;
  -with-* | --with-*)
    ac_useropt=`expr "x$ac_option" : 'x-*with-\([^=]*\)'`
    ac_useropt=`$as_echo "$ac_useropt" | sed 's/[-+.]/_/g'`
    eval with_$ac_useropt=\$ac_optarg ;;
  *=*)
    ac_envvar=`expr "x$ac_option" : 'x\([^=]*\)='`
    case $ac_envvar in #(
      '' | [0-9]* | *[!_$as_cr_alnum]* ) as_fn_error $? "invalid variable name: \`$ac_envvar'" ;;
    esac
    eval $ac_envvar=\$ac_optarg
    export $ac_envvar ;;
  -*) as_fn_error $? "unrecognized option: \`$ac_option'" ;;
  *) as_fn_error $? "unexpected operand: $ac_option" ;;
  esac
done
}
parse_args --prefix=/opt/sample --enable-shared-libs --disable-static --with-zlib=/z CFLAGS='-O2 -g'
test "x$prefix" = xNONE && prefix=$ac_default_prefix
$as_echo "prefix $prefix, shared $enable_shared_libs, static $enable_static, zlib $with_zlib, flags $CFLAGS"
$as_echo "# cache" >$cache_file
>confdefs.h
ac_fn_check_program () {
  as_lineno=${as_lineno-"$1"}
  eval "ac_cached=\${ac_cv_prog_$2+set}"
  $as_echo_n "checking for $2... " >&6
  if test "$ac_cached" = set; then
    $as_echo_n "(cached) " >&6
  else
    as_save_IFS=$IFS; IFS=$PATH_SEPARATOR
    for as_dir in $PATH; do
      IFS=$as_save_IFS
      test -z "$as_dir" && as_dir=.
      for ac_exec_ext in '' $ac_executable_extensions; do
        if test -x "$as_dir/$2$ac_exec_ext" && test -f "$as_dir/$2$ac_exec_ext"; then
          eval "ac_cv_prog_$2=yes"
          break 2
        fi
      done
    done
    IFS=$as_save_IFS
  fi
  eval "ac_res=\${ac_cv_prog_$2-no}"
  $as_echo "$ac_res" >&6
  eval "test \"x\$ac_cv_prog_$2\" = xyes"
}
for prog in sed awk grep nosuchprog_a sed
do
  if ac_fn_check_program 12 $prog; then
    cat >>confdefs.h <<_ACEOF
#define `$as_echo "HAVE_$prog" | $as_tr_cpp` 1
_ACEOF
  fi
done
$as_echo_n "checking whether echo does -n... " >&6
ECHO_C= ECHO_N= ECHO_T=
case `echo -n x` in
-n*) ECHO_C='\c';;
*)  ECHO_N='-n';;
esac
$as_echo "$ECHO_N" >&6
for ac_header in sys/types.h stdio.h my-header.h; do
  as_ac_Header=`$as_echo "ac_cv_header_$ac_header" | $as_tr_sh`
  case $ac_header in my-*) eval "$as_ac_Header=no" ;; *) eval "$as_ac_Header=yes" ;; esac
  if eval test \"x\$"$as_ac_Header"\" = x"yes"; then :
    cat >>confdefs.h <<_ACEOF
#define `$as_echo "HAVE_$ac_header" | $as_tr_cpp` 1
_ACEOF
  fi
done
as_fn_arith 2 + 3 \* 4 && $as_echo "arith $as_val"
ac_list=; as_fn_append ac_list " one"; as_fn_append ac_list " two"; $as_echo "list:$ac_list"
(set) 2>&1 | sed -n "s/^\(ac_cv_[_$as_cr_alnum]*\)=\(.*\)/\1=\${\1=\2}/p" | sed "s/'//g" | sort >>$cache_file
cat $cache_file
CC=cc DEFS=`sed -n 's/^#define \([^ ]*\) \(.*\)/-D\1=\2/p' confdefs.h | tr '\n' ' '`
cat >Makefile.in <<'EOF'
# @PACKAGE_NAME@ @PACKAGE_VERSION@
prefix = @prefix@
CC = @CC@
CFLAGS = @CFLAGS@
all: ; $(CC) @DEFS@ -o $@
EOF
: >subs.sed
ac_var=; ac_value=
for ac_var in $ac_subst_vars
do
  eval ac_value=\$$ac_var
  ac_value=`$as_echo "$ac_value" | sed 's/[\\&,]/\\\\&/g'`
  $as_echo "s,@$ac_var@,$ac_value,g" >>subs.sed
done
for ac_file in Makefile
do
  $as_echo "$as_me: creating $ac_file" >&6
  sed -f subs.sed $ac_file.in >$ac_file
done
cat Makefile
cat >config.status.in <<EOF
#! /bin/sh
echo "status of $PACKAGE_NAME \$1"
EOF
cat >>config.status.in <<\EOF
for a in "$@"; do echo "arg $a"; done
exit ${2-0}
EOF
mv config.status.in config.status && chmod +x config.status
./config.status x 4; $as_echo "config.status says $?"
if (eval "as_fn_error 3 'made to fail' \"12\" 5" 5>&1); then :; else $as_echo "failed with $?"; fi
( parse_args --bogus ); $as_echo "status $?"
exec 6>&-
exit 0
